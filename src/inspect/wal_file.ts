/**
 * Reads the WAL file itself (https://sqlite.org/walformat.html, section 1).
 *
 * @module
 */

import type { Read } from "./safe_read.ts";

/** Bytes of the header of the file, and of each frame. */
export const WAL_HEADER_BYTES = 32;
export const FRAME_HEADER_BYTES = 24;

/** What the header says. */
export interface WalHeader {
  pageSize: number;
  salts: Uint8Array;
}

const MAGIC = [0x377f0682, 0x377f0683];
const VERSION = 3007000;

/** Reads a header; `null` if it is none, and SQLite ignores the whole file. */
export function parseWalHeader(bytes: Uint8Array): WalHeader | null {
  if (bytes.length < WAL_HEADER_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  const pageSize = view.getUint32(8);
  if (!MAGIC.includes(magic) || view.getUint32(4) !== VERSION) return null;
  if (pageSize < 512 || pageSize > 65536) return null;
  if ((pageSize & (pageSize - 1)) !== 0) return null;
  // The magic number says in which byte order checksums are counted.
  const little = magic === MAGIC[0];
  let one = 0;
  let two = 0;
  for (let at = 0; at < 24; at += 8) {
    one = (one + view.getUint32(at, little) + two) >>> 0;
    two = (two + view.getUint32(at + 4, little) + one) >>> 0;
  }
  if (one !== view.getUint32(24) || two !== view.getUint32(28)) return null;
  return { pageSize, salts: bytes.slice(16, 24) };
}

/** Where a frame begins; the first one is 1. */
export function frameOffset(frame: number, pageSize: number): number {
  return WAL_HEADER_BYTES + (frame - 1) * (FRAME_HEADER_BYTES + pageSize);
}

/**
 * Counts the committed frames that belong to the header. Those behind them are
 * left from an earlier round and carry other salts, so the end is found by
 * halving; then back to the last one that ends a transaction.
 *
 * @returns `null` if that could not be read.
 */
export function countFrames(
  { pageSize, salts }: WalHeader,
  bytes: number,
  read: Read,
): number | null {
  const frameBytes = FRAME_HEADER_BYTES + pageSize;
  const head = (frame: number) =>
    read(frameOffset(frame, pageSize), FRAME_HEADER_BYTES).bytes;
  let least = 0;
  let most = Math.max(0, Math.floor((bytes - WAL_HEADER_BYTES) / frameBytes));
  while (least < most) {
    const middle = Math.ceil((least + most) / 2);
    const found = head(middle);
    if (found === null) return null;
    if (hasSalts(found, salts)) least = middle;
    else most = middle - 1;
  }
  for (let frame = least; frame > 0; frame--) {
    if (least - frame > MOST_STEPS) return null;
    const found = head(frame);
    if (found === null || found.length < 8) return null;
    // Bytes 4 to 7: the size of the database, where a commit ends.
    if (found.subarray(4, 8).some((byte) => byte !== 0)) return frame;
  }
  return 0;
}

// Of a transaction that was cut off; enough for 40 MB.
const MOST_STEPS = 10_000;

/** Whether the header of a frame carries these salts. */
export function hasSalts(frame: Uint8Array, salts: Uint8Array): boolean {
  return frame.length >= 16 && salts.every((byte, i) => frame[8 + i] === byte);
}
