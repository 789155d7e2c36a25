/**
 * Notices that nobody is left to serve.
 *
 * @module
 */

const LOOK_EVERY_MS = 1000;

/**
 * Calls `leave` once when the parent process has died, or when standard input
 * has ended. An end of standard input is seen only if the program reads it:
 * reading it here would take the input away from the program.
 *
 * Nothing here keeps the process alive.
 *
 * @returns A function that stops looking.
 */
export function whenOrphaned(leave: () => void): () => void {
  const parent = process.ppid;
  // Whoever inherits orphans has another PID than the parent had.
  const look = (): void => {
    if (process.ppid !== parent) gone();
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  (timer as { unref?: () => void }).unref?.();
  const { stdin } = process;
  const stop = (): void => {
    clearInterval(timer);
    stdin.removeListener("end", gone);
    stdin.removeListener("close", gone);
  };
  const gone = (): void => {
    stop();
    leave();
  };
  stdin.once("end", gone);
  stdin.once("close", gone);
  return stop;
}

/** Ends the process the way that runs its `exit` listeners. */
export function exitProcess(): never {
  process.exit(0);
}
