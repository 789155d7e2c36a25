/**
 * What goes on around the writes of an open database: the look before, the
 * look after, and the heartbeat.
 *
 * @module
 */

import { nameOf } from "../lock/evidence.ts";
import { Canary, type Loss } from "../loss.ts";
import { identityOf } from "../os/look.ts";
import { sharedState } from "../os/shared_state.ts";
import type { Settings } from "../settings.ts";
import { canCountFrames } from "../sqlite_version.ts";
import { whyNoCheckpoint } from "./checkpointing.ts";
import { type Blocked, WalKeeper } from "../wal/keeper.ts";
import { keepOpen } from "./abandoning.ts";
import { exchange, handlesOn } from "./exchange.ts";
import { LeftFiles } from "./left_files.ts";
import { awayText, lossText, mendFailed, pinnedText } from "./loss_words.ts";
import { disarm, mayBeLost, rescue } from "./lost_wal.ts";
import type { Session } from "./session.ts";
import { tell } from "./telling.ts";

const FIRST_BEAT_MS = 100;

/** Watches over one open database. */
export class Guard {
  /** Why there may be no checkpoint of ours, if so. */
  readonly noCheckpoint: string | null;
  readonly #canCount: boolean;
  readonly #session: Session;
  readonly #settings: Settings;
  readonly #keeper: WalKeeper | null;
  readonly #canary: Canary;
  #identity: string | null;
  #timer: ReturnType<typeof setInterval> | undefined;
  #first: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param identity `dev:ino` of the open file.
   * @param sidecar The identity of the sidecar whose lock we hold.
   * @param version The version of SQLite.
   */
  constructor(
    session: Session,
    settings: Settings,
    identity: string | null,
    sidecar: string | null,
    version: string,
  ) {
    this.noCheckpoint = whyNoCheckpoint(version, settings.readOnly);
    this.#canCount = canCountFrames(version);
    this.#session = session;
    this.#settings = settings;
    this.#canary = new Canary(session.path, sidecar, !settings.readOnly);
    this.#identity = identity;
    this.#keeper = this.noCheckpoint !== null ? null : new WalKeeper(
      session.path,
      settings.journalSizeLimit,
      settings.busyTimeout,
      (blocked) => this.#tellBlocked(blocked),
    );
    if (settings.heartbeat === false) return;
    this.#timer = setInterval(() => this.beat(), settings.heartbeat);
    (this.#timer as { unref?: () => void }).unref?.();
    // Locks that are dropped can be told from locks that are never listed only
    // once they were seen. A hook has ended by then.
    this.#first = setTimeout(
      () => this.beat(),
      Math.min(FIRST_BEAT_MS, settings.heartbeat),
    );
    (this.#first as { unref?: () => void }).unref?.();
  }

  /** `dev:ino` of the file that is open. */
  get identity(): string | null {
    return this.#identity;
  }

  /** @throws {LockLostError} If a write would be lost. */
  beforeWrite(): void {
    const loss = this.#canary.beforeWrite();
    if (loss === null) return;
    this.#lost(loss);
    this.#session.require();
  }

  /**
   * Looks for a lost WAL now, however fresh the last look is: it must not be
   * moved into the database, over newer pages.
   */
  look(): void {
    if (this.#session.stopped === null && this.#canary.walLost()) {
      this.#lost("wal");
    }
  }

  /** Keeps the WAL small; never throws. */
  afterWrite(): void {
    try {
      const bytes = this.#canary.afterWrite();
      // Asking for the connection brings its timeout back up.
      if (bytes === null || bytes <= this.#settings.journalSizeLimit) return;
      this.#keeper?.afterCommit(this.#session.connection, bytes);
    } catch {
      // What the caller wrote is committed, and the next beat tries again.
    }
  }

  /** One heartbeat; never throws. */
  beat(): void {
    const session = this.#session;
    try {
      if (session.stopped !== null || session.depth > 0) return;
      const loss = this.#canary.look();
      if (loss !== null) return this.#lost(loss);
      // Locks on a file of another name are not listed under this one.
      if (!this.isAway() && this.#canary.locksDropped()) return this.#mend();
      const { connection } = session;
      if (connection.inTransaction()) this.#keeper?.beatInTransaction();
      else this.#keeper?.beat(connection, Number(this.#settings.heartbeat));
    } catch {
      // Nobody called us, so nobody could catch it.
    }
  }

  /** A checkpoint that was asked for has changed what the keeper knows. */
  checkpointed(): void {
    this.#keeper?.reset();
  }

  /** Begins anew on a new connection. */
  renew(): void {
    this.#identity = identityOf(this.#session.path);
    this.renewWal();
  }

  /** After another journal mode was set: then the WAL goes, or comes back. */
  renewWal(): void {
    this.#canary.renew();
  }

  /** Opens the file anew, with every other handle on it. */
  reopen(): void {
    const { path } = this.#session;
    // The lock is kept, so it must be there.
    if (this.#canary.sidecarLost()) this.#lost("sidecar");
    else {
      exchange(path);
      if (this.#canary.locksDropped()) this.#refuse(null);
    }
    this.#session.require();
  }

  /**
   * Whether closing the connection could hurt others, and cannot be made
   * harmless. Not where the path leads to another file: then SQLite leaves
   * everything alone (pager.c, databaseIsUnmoved).
   */
  mustAbandon(): boolean {
    if (!this.#canary.walLost() || this.isAway()) return false;
    const harmful = this.#canary.isForeignWal() ||
      (!this.#canary.hasIndex() && mayBeLost(this.#session, this.#canCount));
    return harmful && !disarm(this.#session);
  }

  /** Keeps the connection for ever, instead of closing it. */
  abandon(): void {
    keepOpen(this.#identity, this.#session.connection);
  }

  /** Whether the path leads to another file than the open one, or to none. */
  isAway(): boolean {
    return identityOf(this.#session.path) !== this.#identity;
  }

  /**
   * What the connection leaves beside a file that is not its own; to be asked
   * before it is closed.
   */
  leftFiles(): LeftFiles | null {
    const lost = this.#canary.walLost();
    if (lost ? !this.#canary.hasIndex() : !this.isAway()) return null;
    return new LeftFiles(this.#session);
  }

  /** Ends the heartbeat. */
  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#first);
  }

  #lost(loss: Loss): void {
    const { path } = this.#session;
    if (loss === "sidecar") {
      return this.#session.stop("lost", lossText(path, loss, false));
    }
    const reason = this.isAway()
      ? awayText(path)
      : lossText(path, loss, this.#mayBeLost());
    // The handles share their fate: the locks belong to the process.
    for (const handle of handlesOn(path)) handle.stop(reason);
  }

  /** Brings to safety what can be, and tells whether the rest may be lost. */
  #mayBeLost(): boolean {
    if (
      this.#canary.hasIndex() && !this.#canary.isForeignWal() &&
      rescue(this.#session)
    ) return false;
    return mayBeLost(this.#session, this.#canCount);
  }

  /**
   * SQLite believes that it still has the locks, and a further connection
   * would believe so too: only when all of them are closed does the next one
   * take the locks anew.
   */
  #mend(): void {
    const { path } = this.#session;
    const obstacles = handlesOn(path).map((handle) => handle.obstacle());
    if (obstacles.includes("busy") && !obstacles.includes("adopted")) return;
    try {
      exchange(path);
    } catch (error) {
      return this.#refuse(error);
    }
    if (this.#canary.locksDropped()) this.#refuse(null);
  }

  #refuse(error: unknown): void {
    const { path } = this.#session;
    const reason = mendFailed(path, error);
    for (const handle of handlesOn(path)) handle.stop(reason);
  }

  #tellBlocked({ walBytes, pids }: Blocked): void {
    const { path } = this.#session;
    const { warned } = sharedState();
    if (warned.has(`wal ${path}`)) return;
    warned.add(`wal ${path}`);
    const names = pids?.map((pid) => nameOf(path, pid)) ?? null;
    const text = pinnedText(path, walBytes, names);
    tell(this.#settings, text, "LITELATCH_WAL_PINNED");
  }
}
