/**
 * Whether somebody else has changed the database.
 *
 * @module
 */

import type { Connection } from "../driver/contract.ts";
import { identityOf } from "../os/look.ts";
import type { Session } from "./session.ts";

/** What became of the database since the last look. */
export type Change = "unchanged" | "changed" | "replaced" | "gone";

/** The file that is open. */
export interface OpenFile {
  /** Its `dev:ino`; moves when the handle is reopened. */
  readonly identity: string | null;
}

/**
 * Compares with the last look. `data_version` moves for every commit of
 * another connection, never for our own
 * (https://sqlite.org/pragma.html#pragma_data_version); it may move once too
 * often, for a foreign checkpoint that resets the WAL. A file that was replaced
 * or deleted lives on for SQLite, so that is seen by its identity.
 */
export class ChangeWatch {
  readonly #file: OpenFile | null;
  #connection: Connection;
  #version: number;

  /** @param file The open file; `null` for a database in memory. */
  constructor({ connection }: Session, file: OpenFile | null) {
    this.#file = file;
    this.#connection = connection;
    this.#version = versionOf(connection);
  }

  /** What changed since the last look. */
  look(session: Session): Change {
    const away = this.away(session.path);
    if (away !== null) return away;
    const version = this.#current(session);
    if (version === this.#version) return "unchanged";
    this.#version = version;
    return "changed";
  }

  /** Whether the path leads to another file than the open one, or to none. */
  away(path: string): "replaced" | "gone" | null {
    if (this.#file === null) return null;
    const identity = identityOf(path);
    if (identity === null) return "gone";
    return identity === this.#file.identity ? null : "replaced";
  }

  #current({ connection, stopped }: Session): number {
    // A lost connection does not see what others commit.
    if (stopped === "lost") return LOST;
    if (connection !== this.#connection) {
      // A new one counts anew; what it missed shows as one change.
      this.#connection = connection;
      this.#version = NEW;
    }
    return versionOf(connection);
  }
}

const LOST = -1;
const NEW = -2;

function versionOf(connection: Connection): number {
  const statement = connection.prepare("PRAGMA data_version");
  try {
    return Number(statement.get([])?.["data_version"]);
  } finally {
    statement.finalize();
  }
}
