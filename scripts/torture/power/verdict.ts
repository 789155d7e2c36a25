/**
 * What a database may have lost with the power.
 *
 * @module
 */

import { compare, type Found } from "../ledger.ts";

/** How a commit was acknowledged. */
export type Synchronous = "full" | "normal";

/** What is wrong with a database after a cut, one sentence each. */
export interface CutVerdict {
  readonly breaches: readonly string[];
  /** Commits that are gone and may be, by `synchronous = NORMAL`. */
  readonly forgone: number;
  readonly lost: number;
}

/**
 * FULL: all that was acknowledged is there. NORMAL: the last commits may be
 * gone, but what is there is what there was at some moment.
 *
 * @param acknowledged The last commit that was acknowledged before the cut.
 */
export function judgeCut(
  found: Found,
  writer: string,
  acknowledged: number,
  synchronous: Synchronous,
): CutVerdict {
  const there = found.commits.get(writer) ?? new Set<number>();
  const last = Math.max(0, ...there);
  const wanted = synchronous === "full" ? acknowledged : Math.min(
    acknowledged,
    last,
  );
  const numbers = Array.from({ length: wanted }, (_, i) => i + 1);
  const { lost, broken } = compare(
    found,
    new Map([[writer, new Set(numbers)]]),
  );
  return {
    breaches: [
      ...lost.map((commit) =>
        synchronous === "full"
          ? `commit ${commit} was acknowledged and is lost`
          : `commit ${commit} is missing, and a later one is there`
      ),
      ...broken,
    ],
    forgone: synchronous === "full" ? 0 : acknowledged - wanted,
    lost: lost.length,
  };
}
