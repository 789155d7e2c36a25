/**
 * What somebody may have meant who misspelt a word.
 *
 * @module
 */

/** `, did you mean "…"?`, or the known words where none is near. */
export function suggestion(word: string, known: string[]): string {
  const written = word.toLowerCase();
  const [nearest] = known.map((candidate) => {
    const meant = candidate.toLowerCase();
    // `timeout`, as other drivers call it, for `busyTimeout`.
    const isPart = written.length > 4 && meant.includes(written);
    return { candidate, steps: isPart ? 1 : editDistance(written, meant) };
  }).sort((one, other) => one.steps - other.steps);
  return nearest && nearest.steps <= Math.max(2, Math.floor(word.length / 3))
    ? `, did you mean "${nearest.candidate}"?`
    : `, known are ${known.join(", ")}`;
}

/** Levenshtein's. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, swap));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
