/** What the tests are run on. @module */

import type { Runtime } from "../runtimes/runtimes.ts";

/** One system, set up. */
export interface System {
  readonly name: Name;
  readonly runtimes: readonly Runtime[];
  /** What the tests read: the runtimes to start children with, the packages. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends what is left of it. */
  end(): void;
}

export const SYSTEMS = ["macos", "windows"] as const;
export type Name = typeof SYSTEMS[number];

/** What `tests/fixtures/runtimes.ts` reads. */
export function handDown(runtimes: readonly Runtime[]): string {
  return JSON.stringify(Object.fromEntries(
    runtimes.map(({ id, label, command }) => [id, { label, command }]),
  ));
}
