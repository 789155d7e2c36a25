/**
 * Finds the word that was probably meant.
 *
 * @module
 */

/** `, did you mean "…"?`, or nothing when no known word is near. */
export function suggestion(word: string, known: string[]): string {
  let best = "";
  let least = Math.max(2, Math.floor(word.length / 3)) + 1;
  const written = word.toLowerCase();
  for (const candidate of known) {
    const meant = candidate.toLowerCase();
    // `timeout`, as other drivers call it, for `busyTimeout`.
    const part = written.length > 4 && meant.includes(written);
    const steps = part ? 1 : distance(written, meant);
    if (steps < least) {
      least = steps;
      best = candidate;
    }
  }
  if (best !== "") return `, did you mean "${best}"?`;
  return `, known are ${known.join(", ")}`;
}

/** Levenshtein's edit distance. */
function distance(a: string, b: string): number {
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
