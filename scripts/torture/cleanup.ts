/**
 * What has to be put right even when the harness is told to end at once.
 *
 * @module
 */

const tasks = new Set<() => void>();

/** Keeps a task for the end; the result does it now, and only once. */
export function atEnd(task: () => void): () => void {
  const once = () => {
    if (tasks.delete(once)) task();
  };
  tasks.add(once);
  return once;
}

/** Does all that is still to be done, the latest first. */
export function cleanUp(): void {
  for (const task of [...tasks].reverse()) task();
}
