/**
 * Keeps the WAL of one handle at its limit, and names who keeps it from that.
 *
 * @module
 */

import { nameOf } from "../lock/holders.ts";
import { pinnedText } from "../loss/messages.ts";
import type { Attachment } from "../options.ts";
import { warn } from "../os/process.ts";
import { isFirst } from "../os/shared_state.ts";
import type { Settings } from "../settings.ts";
import { type Blocked, WalKeeper } from "../wal/keeper.ts";
import type { LossWatch } from "./loss_watch.ts";
import type { Session } from "./session.ts";

/** Checkpoints after commits and at heartbeats, each after a look. */
export class WalUpkeep implements Attachment {
  readonly #session: Session;
  readonly #watch: LossWatch;
  readonly #settings: Settings;
  readonly #keeper: WalKeeper;

  constructor(session: Session, watch: LossWatch, settings: Settings) {
    this.#session = session;
    this.#watch = watch;
    this.#settings = settings;
    this.#keeper = new WalKeeper(
      session.path,
      settings.journalSizeLimit,
      // A lost WAL must not be moved into the database, over newer pages.
      () => watch.look(),
      (blocked) => this.#tell(blocked),
    );
  }

  afterWrite(): void {
    const { stopped, depth, connection } = this.#session;
    const bytes = this.#watch.takeWalBytes();
    if (bytes === null || bytes <= this.#settings.journalSizeLimit) return;
    if (stopped === null && depth === 0) {
      this.#keeper.afterCommit(connection, bytes);
    }
  }

  beat(): void {
    const { connection } = this.#session;
    this.#keeper.beat(connection, Number(this.#settings.heartbeat));
  }

  checkpointed(): void {
    this.#keeper.reset();
  }

  #tell({ walBytes, pids }: Blocked): void {
    const { path } = this.#session;
    if (!isFirst(`wal ${path}`)) return;
    const names = pids?.map((pid) => nameOf(path, pid)) ?? null;
    const text = pinnedText(path, walBytes, names);
    warn(text, "LITELATCH_WAL_PINNED", this.#settings.onWarning);
  }
}
