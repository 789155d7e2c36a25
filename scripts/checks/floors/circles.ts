/**
 * Finds circles of imports among files, those of types included: files that
 * need each other are read together or not at all.
 *
 * @module
 */

import type { Sources } from "./sources.ts";

/**
 * One circle for each knot of files that reach each other, the shortest
 * through its first file: `[a, b, a]`.
 */
export function circlesOf(sources: Sources): string[][] {
  const circles: string[][] = [];
  const seen = new Set<string>();
  for (const file of sources.keys()) {
    if (seen.has(file)) continue;
    const circle = shortestWay(sources, file, file);
    if (circle === null) continue;
    circles.push(circle);
    for (const other of sources.keys()) {
      const both = shortestWay(sources, file, other) !== null &&
        shortestWay(sources, other, file) !== null;
      if (both) seen.add(other);
    }
  }
  return circles;
}

/** The files from one to another by imports, or `null`. */
function shortestWay(
  sources: Sources,
  from: string,
  to: string,
): string[] | null {
  const before = new Map<string, string>();
  const coming = [from];
  for (const file of coming) {
    for (const { target } of sources.get(file)?.imports ?? []) {
      if (target === null || before.has(target)) continue;
      before.set(target, file);
      if (target === to) return wayBack(before, from, to);
      coming.push(target);
    }
  }
  return null;
}

function wayBack(
  before: ReadonlyMap<string, string>,
  from: string,
  to: string,
): string[] {
  const way = [to];
  let file = before.get(to);
  while (file !== undefined && file !== from) {
    way.unshift(file);
    file = before.get(file);
  }
  return [from, ...way];
}
