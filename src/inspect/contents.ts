/**
 * What the database and its WAL say about themselves, read as bytes: asking
 * SQLite would take locks, and could create files.
 *
 * @module
 */

import { HEADER_BYTES, parseHeader } from "./database_header.ts";
import { findSources, readFrom, type Sources } from "./database_files.ts";
import type { FileLocks } from "./file_locks.ts";
import { type PageOne, pageOneByFrames, pageOneByIndex } from "./page_one.ts";
import type { Reasons } from "./reasons.ts";
import type { DatabaseReport, WalReport } from "./report.ts";
import { readWal, type Wal, walReport } from "./wal_report.ts";

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
    for (const fact in NOTHING) reasons.note(`database.${fact}`, why);
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

const NOTHING = {
  pageSize: null,
  pages: null,
  journalMode: null,
  userVersion: null,
  applicationId: null,
  commits: null,
};

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
