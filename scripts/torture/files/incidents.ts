/**
 * What people, tools and strangers do to the files of a database.
 *
 * @module
 */

import {
  copyFileSync,
  existsSync,
  linkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Random } from "../seed.ts";

const SUFFIXES = { database: "", wal: "-wal", shm: "-shm", lock: ".lock" };
type Target = keyof typeof SUFFIXES;

const TARGETS: readonly (readonly Target[])[] = [
  ["database"],
  ["wal"],
  ["shm"],
  ["lock"],
  ["wal", "shm"],
  ["shm", "wal"],
  ["database", "wal"],
  ["wal", "database"],
  ["database", "shm"],
  ["database", "wal", "shm"],
  ["database", "lock"],
  ["shm", "lock"],
  ["wal", "lock"],
  ["lock", "shm", "wal", "database"],
];
const ACTS = ["delete", "replace", "away", "there-and-back", "link"] as const;
type Act = typeof ACTS[number];

/** One incident, chosen and not yet done. */
export interface Plan {
  readonly act: Act;
  readonly targets: readonly Target[];
  /** Between one file and the next, and until it is put back. */
  readonly gapMs: number;
  readonly awayMs: number;
  /** Whether an empty `-shm` comes instead of an older one. */
  readonly empty: boolean;
}

/** Chooses one. */
export function choose(random: Random): Plan {
  return {
    act: random.pick(ACTS),
    // Those with one file more often: there is no better way to be missed.
    targets: random.pick(random.chance(0.5) ? TARGETS.slice(0, 4) : TARGETS),
    gapMs: random.chance(0.5) ? 0 : random.between(1, 5),
    awayMs: random.between(0, 60),
    empty: random.chance(0.3),
  };
}

/**
 * Whether SQLite itself, without any of us, damages the file when it opens it
 * after that: a `-wal` or `-shm` is left beside a file that it is not of.
 */
export function poisons({ act, targets }: Plan): boolean {
  if (act === "link") return false;
  const hits = (target: Target) => targets.includes(target);
  if (hits("database")) return !hits("wal") || !hits("shm");
  return hits("wal") && (!hits("shm") || act === "replace");
}

/** What was done, and where the database is now beside its own path. */
export interface Done {
  readonly targets: readonly Target[];
  readonly moved: string | null;
}

/**
 * Does it, to those of the files that are there.
 *
 * @param took Called after each file.
 */
export async function strike(
  path: string,
  plan: Plan,
  number: number,
  took: (target: string) => void,
): Promise<Done> {
  const { act, gapMs, awayMs } = plan;
  const targets = plan.targets.filter((target) =>
    existsSync(path + SUFFIXES[target])
  );
  const elsewhere = `${path}.moved-${number}`;
  const each = async (use: (from: string, to: string) => void) => {
    for (const [i, target] of targets.entries()) {
      if (i > 0 && gapMs > 0) await pause(gapMs);
      const suffix = SUFFIXES[target];
      try {
        use(path + suffix, elsewhere + suffix);
      } catch {
        // SQLite was faster, and has deleted it.
      }
      took(target);
    }
  };
  if (act === "delete") await each((from) => rmSync(from));
  else if (act === "link") {
    await each((from, to) => linkSync(from, to));
    await pause(awayMs);
    await each((_, to) => rmSync(to, { force: true }));
  } else if (act === "replace") {
    await each((from) => renameSync(`${from}.new`, from));
  } else {
    await each((from, to) => renameSync(from, to));
    if (act === "there-and-back") {
      await pause(awayMs);
      await each((from, to) => renameSync(to, from));
    }
  }
  const isAway = act === "away" && targets.includes("database");
  return { targets, moved: isAway ? elsewhere : null };
}

/** Makes what will be put in the place of the files. */
export function prepare(
  path: string,
  { act, targets, empty }: Plan,
  backup: (to: string) => void,
): void {
  if (act !== "replace") return;
  for (const target of targets) {
    const from = path + SUFFIXES[target];
    try {
      if (target === "database") backup(`${from}.new`);
      else if (target === "shm" && !empty) copyFileSync(from, `${from}.new`);
      // Frames of another moment would damage the file whoever opens it.
      else writeFileSync(`${from}.new`, "");
    } catch {
      // It was not there.
    }
  }
}

/** Clears away what was prepared and not used. */
export function tidy(path: string): void {
  for (const suffix of Object.values(SUFFIXES)) {
    rmSync(`${path}${suffix}.new`, { force: true });
  }
}
