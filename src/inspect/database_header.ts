/**
 * Reads the first 100 bytes of page 1 (https://sqlite.org/fileformat.html,
 * section 1.3).
 *
 * @module
 */

/** Bytes of the header. */
export const HEADER_BYTES = 100;

/** What the header says. */
export interface DatabaseHeader {
  pageSize: number;
  pages: number;
  journalMode: "wal" | "rollback";
  userVersion: number;
  applicationId: number;
  /** Counts commits in rollback mode. */
  changes: number;
}

const MAGIC = "SQLite format 3\0";

/** Reads a header; `null` if it is none. */
export function parseHeader(bytes: Uint8Array): DatabaseHeader | null {
  if (bytes.length < HEADER_BYTES) return null;
  const magic = String.fromCharCode(...bytes.subarray(0, MAGIC.length));
  if (magic !== MAGIC) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = view.getUint16(16);
  const pageSize = size === 1 ? 65536 : size;
  if (pageSize < 512 || (pageSize & (pageSize - 1)) !== 0) return null;
  const [writeVersion, readVersion] = [bytes[18], bytes[19]];
  // 1 is a rollback journal, 2 is WAL, and more is not invented yet.
  if (writeVersion === undefined || writeVersion < 1) return null;
  return {
    pageSize,
    pages: view.getUint32(28),
    journalMode: writeVersion === 2 && readVersion === 2 ? "wal" : "rollback",
    userVersion: view.getInt32(60),
    applicationId: view.getInt32(68),
    changes: view.getUint32(24),
  };
}
