/**
 * Clears the records of processes that are gone, and nothing else.
 *
 * @module
 */

import { remove } from "../os/files.ts";
import { facts } from "../os/look.ts";
import type { Location } from "../os/paths.ts";
import { lives } from "../os/process.ts";
import type { Waiting } from "../os/waiting.ts";
import { clear, clearDead, holdersElsewhere } from "./claim.ts";
import { allPidfiles, type Pidfile, sharedPidfiles } from "./pidfiles.ts";
import { Sidecar } from "./sidecar.ts";

/** What was cleared and what was left, as paths of pidfiles. */
export interface Cleaning {
  removed: string[];
  kept: Pidfile[];
}

// A contender that is just trying shows as a holder for microseconds.
const TRIES = 20;

/**
 * Whoever has the lock EXCLUSIVE for a moment knows that every record is
 * litter. Where somebody holds it, only what is proved dead goes, and the
 * exclusive record only while the SHARED lock keeps its place from being
 * taken.
 */
export function* cleanRecords(target: Location): Waiting<Cleaning> {
  const before = allPidfiles(target);
  const cleaned = (): Cleaning => {
    const kept = allPidfiles(target);
    const left = kept.map(({ path }) => path);
    const removed = before.map(({ path }) => path)
      .filter((path) => !left.includes(path));
    return { removed, kept };
  };
  // Without records there is nothing to clear, and no lock file to make.
  if (before.length === 0) return cleaned();
  if (facts(`${target.path}.lock`) === null) {
    // A holder of a lock file that was deleted is still a holder.
    if (
      before.some(({ record }) => record !== null && lives(record) !== false)
    ) {
      clearDead(sharedPidfiles(target));
      return cleaned();
    }
  }
  const sidecar = new Sidecar(`${target.path}.lock`);
  try {
    for (let tries = 0; tries < TRIES; tries++) {
      if (sidecar.tryLock("exclusive")) {
        const found = allPidfiles(target);
        if (holdersElsewhere(found, sidecar).length === 0) clear(found);
        sidecar.unlock();
        return cleaned();
      }
      yield 0.5 + Math.random();
    }
    if (sidecar.tryLock("shared")) {
      for (const { path, record } of allPidfiles(target)) {
        if (record !== null && lives(record) === false) remove(path);
      }
      sidecar.unlock();
    }
    return cleaned();
  } finally {
    sidecar.close();
  }
}
