/**
 * What the database and its WAL say about themselves, read as bytes: asking
 * SQLite would take locks, and could create files.
 *
 * @module
 */

import { HEADER_BYTES, parseHeader } from "./database_header.ts";
import { findSources, readFrom, readIndex, type Sources } from "./files.ts";
import type { FileLocks } from "./kernel.ts";
import { type PageOne, pageOneByFrames, pageOneByIndex } from "./page_one.ts";
import type { Reasons } from "./reasons.ts";
import type { DatabaseReport, WalReport } from "./report.ts";
import { readMarks, whoPins } from "./marks.ts";
import {
  countFrames,
  parseWalHeader,
  WAL_HEADER_BYTES,
  type WalHeader,
} from "./wal_file.ts";
import type { WalIndex } from "./wal_index.ts";

/** What the files say. */
export interface Contents {
  database: DatabaseReport | null;
  wal: WalReport | null;
}

/**
 * Reads the files of a database.
 *
 * @param alone Whether nobody else in this process has it open.
 */
export function readContents(
  path: string,
  locks: FileLocks | null,
  alone: boolean,
  reasons: Reasons,
): Contents {
  const sources = findSources(path, alone);
  const wal = readWal(sources, reasons);
  return {
    database: databaseReport(sources, wal, reasons),
    wal: walReport(sources, wal, locks, reasons),
  };
}

interface Wal {
  /** `null` without one. */
  index: WalIndex | null;
  /** Of the file itself; `null` if it is none, `undefined` if not read. */
  header: WalHeader | null | undefined;
  frames: number | null;
}

function readWal(sources: Sources, reasons: Reasons): Wal {
  const { wal } = sources;
  if (wal === null || wal.bytes === 0) {
    return { index: readIndex(sources).index, header: null, frames: 0 };
  }
  const found = readFrom(wal, 0, WAL_HEADER_BYTES);
  const header = found.bytes === null ? undefined : parseWalHeader(found.bytes);
  if (found.bytes === null) reasons.note("wal.valid", found.reason);
  const { index, reason } = readIndex(sources);
  if (index !== null) return { index, header, frames: index.frames };
  reasons.note("wal.checkpointed", reason);
  reasons.note("wal.readMarks", reason);
  reasons.note("wal.pinnedBy", reason);
  const none = (why: string): Wal => {
    reasons.note("wal.frames", why);
    return { index, header, frames: null };
  };
  if (header === undefined) return none(found.reason ?? reason);
  // SQLite takes no frame from a file without a valid header.
  if (header === null) return { index, header, frames: 0 };
  if (!wal.window?.cheap) return none(reason);
  const frames = countFrames(header, wal.bytes, wal.window.peek);
  return frames === null
    ? none("the frames could not be counted")
    : { index, header, frames };
}

function databaseReport(
  sources: Sources,
  wal: Wal,
  reasons: Reasons,
): DatabaseReport | null {
  const { database } = sources;
  const found = readFrom(database, 0, HEADER_BYTES);
  if (found.bytes === null) return reasons.note("database", found.reason);
  const inFile = parseHeader(found.bytes);
  const { header, stale } = newest(sources, wal, inFile);
  if (header === null) {
    const empty = found.bytes.length === 0;
    const why = empty ? "the file is empty" : "it is no SQLite database";
    for (const fact of FACTS) reasons.note(`database.${fact}`, why);
    return { ...NOTHING, valid: empty };
  }
  const commits = header.journalMode === "rollback"
    ? header.changes
    : wal.index?.commits ??
      reasons.note("database.commits", "there is no wal-index");
  if (stale !== null) {
    for (const fact of ["userVersion", "applicationId", "pages"]) {
      reasons.note(`database.${fact}`, stale);
    }
  }
  return {
    valid: true,
    pageSize: header.pageSize,
    pages: wal.index !== null && wal.index.frames > 0
      ? wal.index.pages
      : stale === null
      ? header.pages
      : null,
    journalMode: header.journalMode,
    userVersion: stale === null ? header.userVersion : null,
    applicationId: stale === null ? header.applicationId : null,
    commits,
  };
}

const FACTS = [
  "pageSize",
  "pages",
  "journalMode",
  "userVersion",
  "applicationId",
  "commits",
] as const;

const NOTHING = {
  pageSize: null,
  pages: null,
  journalMode: null,
  userVersion: null,
  applicationId: null,
  commits: null,
} satisfies Record<typeof FACTS[number], null>;

function newest(
  sources: Sources,
  { index, header, frames }: Wal,
  inFile: ReturnType<typeof parseHeader>,
): PageOne {
  // Without the mode in the file nobody looks at a WAL.
  if (inFile !== null && inFile.journalMode !== "wal") {
    return { header: inFile, stale: null };
  }
  if (index !== null) return pageOneByIndex(sources, inFile, index);
  if (frames === 0) return { header: inFile, stale: null };
  if (!header || frames === null) {
    return { header: inFile, stale: "the WAL could not be read" };
  }
  return pageOneByFrames(sources, inFile, header, frames);
}

function walReport(
  { wal }: Sources,
  { index, header, frames }: Wal,
  locks: FileLocks | null,
  reasons: Reasons,
): WalReport | null {
  if (wal === null) return reasons.note("wal", "there is no WAL file");
  if (index === null && wal.bytes === 0) {
    for (const fact of ["readMarks", "pinnedBy"]) {
      reasons.note(`wal.${fact}`, "there is no wal-index");
    }
  }
  const marks = index === null ? null : readMarks(index, locks, reasons);
  return {
    bytes: wal.bytes,
    valid: wal.bytes === 0 || (header === undefined ? null : header !== null),
    frames,
    checkpointed: index?.checkpointed ?? (frames === 0 ? 0 : null),
    readMarks: marks,
    pinnedBy: index === null || marks === null
      ? null
      : whoPins(index, marks, reasons),
  };
}
