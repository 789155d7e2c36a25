/**
 * Looks for a loss right before each write, each COMMIT and each checkpoint,
 * and at the heartbeat; then refuses, and makes the end harmless.
 */

import { messageOf, resultCode } from "../driver/result_codes.ts";
import type { Attachment } from "../options.ts";
import { LitelatchError, LockLostError } from "../errors.ts";
import { closeHarmlessly, moveAll, rescue } from "../loss/harmless_end.ts";
import { lossText } from "../loss/messages.ts";
import {
  isOpenElsewhere,
  ownLocks,
  retakeDatabaseLock,
} from "../loss/sqlite_locks.ts";
import type { Loss, WatchedFiles } from "../loss/watched_files.ts";
import { attempt } from "../os/builtin.ts";
import { now } from "../os/clock.ts";
import { withFile } from "../os/files.ts";
import { SHARED } from "../os/lock_bytes.ts";
import { descriptorsOn } from "../os/procfs.ts";
import { handlesOn, type HeldLock, sharedState } from "../os/shared_state.ts";
import { identityOf } from "../os/stat.ts";
import type { Session } from "./session.ts";

// A look costs some 9 µs, so that a tight loop of writes pays two percent. A
// commit in such a moment may be lost; then the error says so.
const FRESH_MS = 0.5;
// To ask for SQLite's locks takes 0.1 ms; every 10 ms it was a thirtieth of a loop.
const FRESH_LOCKS_MS = 50;
// A hook has ended by then; it would pay 2 ms.
const FIRST_LOCKS_MS = 20;

/** Watches over the files behind one handle. */
export class LossWatch implements Attachment {
  files: WatchedFiles;
  readonly #session: Session;
  #lastLook = -Infinity;
  #lastLocks = now() + FIRST_LOCKS_MS;
  #ownLocks!: ReturnType<typeof ownLocks>;
  /** The kernel does not list everybody's locks to everybody. */
  #wereListed = false;
  #hasLocks = true;

  constructor(session: Session, files: WatchedFiles) {
    this.#session = session;
    this.files = files;
    this.connected();
  }

  /** @throws {LockLostError} If a write would be lost. */
  beforeWrite(): void {
    if (now() - this.#lastLook >= FRESH_MS) this.look();
    if (!this.#hasLocks) this.#retake();
    this.#session.told.isSaid = false;
    if (this.#session.lock?.held !== false) return;
    throw new LockLostError(
      `Cannot write to "${this.#session.path}": its lock was released by hand ` +
        "(lock.release()), so another process may hold one that excludes it. " +
        "Open the database again.",
    );
  }

  /**
   * After a wait. Whoever comes where a `-shm` was replaced writes to the same
   * WAL; he looks whether we are at it, and so we look once we have the lock.
   */
  begun(): void {
    if (this.#session.turns.waitedMs === 0) return;
    if (now() - this.#lastLook >= FRESH_MS) this.look();
  }

  /** The window is as long as the body; that of one that awaits may be long. */
  beforeCommit(): void {
    if (this.#session.made !== null) this.#lastLook = -Infinity;
    this.beforeWrite();
  }

  /** At once: what is lost later is no new mode. A WAL comes with a write. */
  afterWrite(): void {
    if (this.#session.journals) this.look();
    this.#session.journals = false;
    for (const files of this.all) {
      if (files.mayMake && files.open["-wal"] === null) files.renew();
    }
  }

  /**
   * Looks now, however fresh the last look is.
   *
   * @throws {LockLostError} If something was lost.
   */
  look(): void {
    const at = now();
    const session = this.#session;
    // Others attach by the driver's object, and had done so before adopt().
    if (session.turns.isShared) attempt(() => session.listAttached(), null);
    for (const files of this.all) {
      const loss = files.look();
      if (loss && !this.#isOwnDoing(files, loss)) this.#refuse(files, loss);
    }
    if (at - this.#lastLocks >= FRESH_LOCKS_MS) {
      this.#lastLocks = at;
      this.#hasLocks = this.#dropped() === null;
    }
    this.lookAtLock();
    this.#lastLook = at;
  }

  /** @throws {LockLostError} If the file that carries our lock is not there. */
  lookAtLock(): void {
    const held = this.#held;
    if (held && identityOf(`${this.files.path}.lock`) !== held.lockFile) {
      this.#refuse(this.files, "lock file");
    }
  }

  get #held(): HeldLock | undefined {
    return sharedState().locks.get(this.#session.lock?.path ?? "");
  }

  get all(): WatchedFiles[] {
    return [this.files, ...this.#session.attached];
  }

  /** The journal mode that the caller changed, by whatever way, is no loss. */
  #isOwnDoing(files: WatchedFiles, loss: Loss): boolean {
    // Whoever closed an adopted connection took its WAL with it.
    this.#session.require();
    if (loss === "database") return false;
    const { connection, journals } = this.#session;
    const ask = () => connection.value(`PRAGMA ${files.schema}journal_mode`);
    // There and back: the old one is open no more. Off Linux go by the SQL.
    const isOpen = descriptorsOn(files.open["-wal"])?.length ?? !journals;
    const isLeft = !isOpen || attempt(ask, "wal") !== "wal";
    if (isLeft) files.renew();
    return isLeft;
  }

  /** Looks at everything, and takes back a lock that was dropped. */
  beat(): void {
    this.#lastLocks = -Infinity;
    this.look();
    if (!this.#hasLocks) this.#retake();
  }

  /** Without our lock others took the WAL after the look, and wrote. */
  beforeCheckpoint(): void {
    this.look();
    this.requireLocks();
  }

  /** "malformed" or "locking protocol" may be all that SQLite says of a loss. */
  explain(error: unknown): unknown {
    try {
      if (resultCode(error) !== null) this.look();
      return error;
    } catch (loss) {
      return loss;
    }
  }

  /**
   * Takes back a lock that was dropped.
   *
   * @throws {LockLostError} If that would lose something.
   */
  #retake(): void {
    const { connection, path } = this.#session;
    if (handlesOn(path).some((one) => one.obstacle() === "busy")) {
      return this.requireLocks();
    }
    const { files } = this;
    const isDatabase = this.#dropped() === "database";
    // Right before it: others may take all away, and write, in a millisecond.
    this.look();
    if (isDatabase && retakeDatabaseLock(connection)) files.renew();
    if (this.#dropped() === null) return this.requireLocks();
    // Whoever closes it now may have missed our last commits. As long as this
    // one is open, no new `-wal` gets its number.
    const isShared = isOpenElsewhere(path);
    const reopen = () => {
      this.look();
      attempt(() => reopenAll(path, true), null);
      return files !== this.files && files.look() !== null;
    };
    const isNew = attempt(() => withFile(`${path}-wal`, "r", reopen), true);
    this.#session.require();
    if (isShared && isNew) {
      const text = lossText(path, "wal", false);
      handlesOn(path).forEach((one) => one.stop(text, true));
      this.#session.require();
    }
    this.requireLocks();
  }

  /** @throws {LockLostError} If this process does not have SQLite's locks. */
  requireLocks(): void {
    this.#hasLocks = this.#dropped() === null;
    if (this.#hasLocks) return;
    // A commit was lost after a look that had found all in place.
    this.look();
    throw this.#locksLost();
  }

  #dropped(): "database" | "shm" | null {
    const [database, shm, lock] = this.#ownLocks.map((isThere) => isThere());
    // Where one of them is listed, the others must be.
    this.#wereListed ||= !!(database || shm || lock);
    if (!this.#wereListed) return null;
    // Another may have taken it by now, so that no handle counts on it any more.
    if (lock === false && this.#held) this.#held.lockFile = "";
    // The caller may have left WAL mode, and only there SQLite keeps these two.
    if (this.files.open["-wal"] === null) return null;
    return shm === false ? "shm" : database === false ? "database" : null;
  }

  /** Why a further connection to the file would be lost too; looks anew. */
  reason(): string | null {
    const { stopped, reason, path } = this.#session;
    if (stopped) return stopped === "lost" ? reason() : null;
    try {
      this.look();
    } catch (error) {
      return messageOf(error);
    }
    return this.#hasLocks ? null : lossText(path, "locks", false);
  }

  /** @throws {LockLostError} If something is lost that nobody was told of yet. */
  requireSaid(): void {
    const { told, path } = this.#session;
    const { isSaid } = told;
    this.#lastLocks -= FRESH_LOCKS_MS;
    this.reason();
    // He may have moved the WAL before our last commit, and deletes it after.
    const isEnding = !this.#hasLocks && isOpenElsewhere(path, SHARED, true);
    if (!this.#hasLocks) this.reason();
    const isLost = this.all.some((files) =>
      files.lost === "database"
        ? !moveAll(this.#session.connection, files)
        : files.lost !== null
    );
    if (isSaid) return;
    if (isLost) throw this.#session.refusal();
    if (isEnding) throw this.#locksLost();
  }

  #locksLost(): LockLostError {
    this.#session.told.isSaid = true;
    return new LockLostError(lossText(this.#session.path, "locks", false));
  }

  /** Closes the connection, so that what was lost takes nothing from others. */
  close(forOwner = false): void {
    closeHarmlessly(this.#session.connection, this.all, forOwner);
  }

  connected(): void {
    this.#ownLocks = ownLocks(this.files.path);
    this.#hasLocks = true;
  }

  #refuse(files: WatchedFiles, loss: Loss): void {
    const session = this.#session;
    const { connection } = session;
    // It comes too late, and nothing can be brought to safety inside of it.
    attempt(() => session.finish("ROLLBACK"), null);
    const isSafe = loss === "wal" && rescue(connection, files);
    // What else was lost decides how it may end.
    if (loss !== "lock file") files.lost = isSafe ? null : loss;
    // Said again it has to be true again: what was rescued may be gone by then.
    const isThere = () => isSafe && !files.isAway();
    session.stop("lost", () => lossText(files.path, loss, isThere()));
    // At once: every runtime closes what is open at its end. A file that is
    // away may come back; and of what is rescued the inode must stay ours.
    if (!isSafe && (loss === "wal" || loss === "shm")) this.close();
    session.require();
  }
}

const OBSTACLES = {
  adopted: "adopted: its owner has to close it",
  busy: "in a transaction, or in a loop over rows; end it first",
  personal: "set by hand",
};

/** Why the connections of this process to a file cannot be opened anew now. */
export function cannotReopen(
  path: string,
  obstacle: keyof typeof OBSTACLES,
): LitelatchError {
  return new LitelatchError(
    "LITELATCH_OPEN",
    `Cannot open "${path}" anew: every connection of this process must be ` +
      `closed, and one is ${OBSTACLES[obstacle]}`,
  );
}

/**
 * Closes every connection of this process to one file, and opens them anew.
 *
 * SQLite keeps one state for all connections of a process to one file: its
 * locks, and the shared memory of the WAL. A new one beside an old one would
 * believe in locks that are gone, or read a new WAL by the index of a lost
 * one. So all of them are closed before the first is opened.
 *
 * @param silently Whether nobody asked for it, so that nothing may be lost.
 * @throws {LitelatchError} If one of them cannot be opened anew; then none was.
 */
export function reopenAll(path: string, silently: boolean): void {
  const handles = handlesOn(path);
  const obstacle = handles.map((handle) => handle.obstacle())
    .find((one) => one !== null && (silently || one !== "personal"));
  if (obstacle) throw cannotReopen(path, obstacle);
  try {
    for (const handle of handles) handle.detach();
    for (const handle of handles) handle.attach();
  } catch (error) {
    const text = `Cannot use "${path}": it was closed to be opened anew, and ` +
      `that failed: ${messageOf(error)}`;
    for (const handle of handles) handle.stop(text, silently);
    throw error;
  }
}
