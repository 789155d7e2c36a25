/**
 * Takes the place of an older version, looks after it, and hands it on.
 *
 * @module
 */

import { messageOf } from "../driver/result_codes.ts";
import { LitelatchError } from "../errors.ts";
import { allPidfiles, type Pidfile } from "../lock/pidfiles.ts";
import type { LegacyGuard, OldVersion } from "../options.ts";
import { attempt } from "../os/builtin.ts";
import { every } from "../os/clock.ts";
import { isAlive, self } from "../os/process.ts";
import { lstat } from "../os/stat.ts";
import { type OldLock, readOldLock } from "./old_lock.ts";
import { ageOf, fateOf, isThisHost } from "./old_owner.ts";
import {
  foreignError,
  holderOf,
  type OldHolder,
  Sightings,
} from "./old_version.ts";
import { clear, exchangePid, holdsLocks, pidAt, putPid } from "./own_pid.ts";

// proper-lockfile touches its folder every 5 s, and takes it for stale after
// 10 s; both can be set. Whoever blocks its event loop for longer still holds.
const FOLDER_STALE_MS = 60_000;
// An old version that makes its file first and writes it then.
const EMPTY_STALE_MS = 5_000;
// One of ours may be killed whose PID the file names; another takes its place
// before an old version is likely to look.
const LOOK_EVERY_MS = 250;
const MOST_TRIES = 10;

/** What the legacy paths guard that this thread holds, by path. */
const guarded = new Map<string, string>();

/** Guards one lock at several legacy paths. */
export class LegacyGuards implements LegacyGuard {
  readonly #target: string;
  readonly #paths: readonly string[];
  readonly #sightings = new Sightings();
  #stop: (() => void) | null = null;
  /** The one of ours whose PID was seen last. */
  #keeper: Pidfile | null = null;

  /**
   * @throws {LitelatchError} If something else than a lock is at a path.
   * @throws {TypeError} If this thread holds another lock with such a path.
   */
  constructor(target: string, paths: readonly string[]) {
    this.#target = target;
    this.#paths = paths;
    this.#requireAlone();
    for (const path of paths) this.#read(path);
  }

  /** With the lock in our hands, and our record beside it. */
  enter(): OldVersion | null {
    // While this one waited, another may have come.
    this.#requireAlone();
    let old: OldHolder | null | undefined;
    try {
      old = this.#occupyAll();
    } finally {
      if (old !== null) this.#handOnAll(1);
    }
    if (old !== null) return this.#sightings.note(this.#target, old);
    this.#stop = every(LOOK_EVERY_MS, () => this.#lookAfter());
    for (const path of this.#paths) guarded.set(path, this.#target);
    return null;
  }

  /**
   * Hands our place over to another of ours, or clears it. Called again when our
   * record is gone: until then another may have handed its place to us.
   */
  leave(): void {
    const ownRecords = this.#stop === null ? 0 : 1;
    if (this.#stop !== null) {
      this.#stop();
      this.#stop = null;
      for (const path of this.#paths) guarded.delete(path);
    }
    this.#handOnAll(ownRecords);
  }

  /**
   * The heirs of a place are sought beside one target: of two locks, the first
   * that was let go gave the place to nobody, and an old version came in beside
   * the other.
   */
  #requireAlone(): void {
    const taken = this.#paths.find((path) => this.#isOfAnother(path));
    if (taken === undefined) return;
    throw new TypeError(
      `Cannot lock "${this.#target}": a legacy path must guard one lock, and ` +
        `"${taken}" guards "${guarded.get(taken)}" here; guard both with ` +
        "acquireLock(folder, { legacy }), and open the databases without legacy",
    );
  }

  #isOfAnother(path: string): boolean {
    return (guarded.get(path) ?? this.#target) !== this.#target;
  }

  #occupyAll(): OldHolder | null {
    for (const path of this.#paths) {
      try {
        const old = this.#occupy(path);
        if (old !== null) return old;
      } catch (error) {
        if (error instanceof LitelatchError) throw error;
        throw new LitelatchError(
          "LITELATCH_OPEN",
          `Cannot lock "${this.#target}": the legacy path "${path}" must ` +
            `be writable, to keep older versions out; ${messageOf(error)}`,
          { cause: error },
        );
      }
    }
    return null;
  }

  /** Puts our PID at one path, or says who is there. */
  #occupy(path: string): OldHolder | null {
    // A second try: what was stale at the first may be somebody's by then.
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const found = this.#look(path);
      if (found === "ours") return null;
      if (typeof found === "object") return found;
      if (found === "free" && putPid(path, self().pid, this.#target)) {
        return null;
      }
    }
    return { path, holder: null };
  }

  #lookAfter(): void {
    for (const path of this.#paths) {
      // Nobody is here to be told of an error; the next look may do.
      attempt(() => this.#isLeftTo(path) || this.#occupy(path), null);
    }
  }

  /**
   * Whether another of ours, known from before, still has the place: that costs
   * no look into the folder.
   */
  #isLeftTo(path: string): boolean {
    const { record, path: place } = this.#keeper ?? {};
    return record != null && place !== undefined &&
      pidAt(path) === record.pid && lstat(place) !== null &&
      isAlive(record) !== false;
  }

  /** Who is at a path. What is stale is taken away. */
  #look(path: string): "free" | "ours" | "changed" | OldHolder {
    const found = this.#read(path);
    if (found === null) return "free";
    if (found.kind === "folder") {
      return Math.abs(ageOf(found.stat)) > FOLDER_STALE_MS
        ? clear(path, found)
        : { path, holder: null };
    }
    const { claim, stat, text } = found;
    if (claim === null) {
      return Math.abs(ageOf(stat)) > EMPTY_STALE_MS
        ? clear(path, found)
        : { path, holder: null };
    }
    const fate = fateOf(claim, stat);
    if (isThisHost(claim.host) !== false) {
      const isOwn = claim.pid === self().pid && fate !== "gone";
      if (isOwn || this.#isOurs(claim.pid)) return "ours";
    }
    // One of ours that lives has a record. Whose PID it was cannot always be asked:
    // Deno without rights, and a PID of another namespace, shut everybody out for
    // ever, and PID 1 was blamed.
    const isLeft = claim.isMarked && !holdsLocks(claim.pid);
    if (fate === "gone" || isLeft) return clear(path, found);
    // One of ours may have left since the file was read.
    const now = readOldLock(path);
    if (now?.kind !== "file" || now.text !== text) return "changed";
    return { path, holder: holderOf(claim, fate) };
  }

  #read(path: string): Exclude<OldLock, { kind: "foreign" }> | null {
    const found = readOldLock(path);
    if (found?.kind !== "foreign") return found;
    throw foreignError(this.#target, path, found.what);
  }

  #handOnAll(ownRecords: number): void {
    for (const path of this.#paths) {
      if (this.#isOfAnother(path)) continue;
      // The lock is let go all the same. A PID of ours that is left there is
      // stale when we end.
      attempt(() => this.#handOn(path, ownRecords), null);
    }
  }

  /**
   * The heir may leave between the choice and the exchange; it saw our PID then,
   * and left it. So who names an heir looks after it. Without that, the file
   * kept the PID of a living process that held nothing, and shut everybody out.
   *
   * @param ownRecords How many records of ours are of the handle that leaves.
   */
  #handOn(path: string, ownRecords: number): void {
    const own = self().pid;
    for (let named = own; pidAt(path) === named;) {
      let heir = this.#heir(ownRecords);
      if (heir === null) {
        clear(path, readOldLock(path));
        // Who came in just now has seen our PID there, and left it.
        heir = this.#heir(ownRecords);
        if (heir === null) return;
        if (!putPid(path, heir, this.#target)) return;
      } else if (heir !== own && !exchangePid(path, heir, this.#target)) return;
      // Another thread of this process.
      if (heir === own || this.#isOurs(heir)) return;
      named = heir;
    }
  }

  #heir(ownRecords: number): number | null {
    const own = self().pid;
    const pids = this.#ours().flatMap(({ record }) => record?.pid ?? []);
    const other = pids.find((pid) => pid !== own);
    if (other !== undefined) return other;
    return pids.length > ownRecords ? own : null;
  }

  #isOurs(pid: number): boolean {
    this.#keeper = this.#ours().find(({ record }) => record?.pid === pid) ??
      null;
    return this.#keeper !== null;
  }

  /** Those that hold our lock, as far as it is not proved that they do not. */
  #ours(): Pidfile[] {
    return allPidfiles(this.#target)
      .filter(({ record }) => record !== null && isAlive(record) !== false);
  }
}
