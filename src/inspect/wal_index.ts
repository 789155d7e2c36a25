/**
 * Reads the header of a wal-index (`-shm`): how long the WAL is, how far it is
 * checkpointed, how far readers see (https://sqlite.org/walformat.html, 2.1).
 *
 * @module
 */

/** Bytes of the header: two copies, the checkpoint info, the locks. */
const INDEX_HEADER_BYTES = 136;
/**
 * Of what the header says. Windows lets nobody read the bytes of the locks, from
 * here on, while another process has one of them.
 */
export const INDEX_FACTS_BYTES = 120;

/** What the header says. */
export interface WalIndex {
  /** Counts commits. */
  commits: number;
  pageSize: number;
  /** Committed frames in the WAL. */
  frames: number;
  /** Size of the database in pages. */
  pages: number;
  /** As bytes: frames carry the same. */
  salts: Uint8Array;
  /** Frames that are in the database. */
  checkpointed: number;
  /** Of the five marks; `null` if not in use. */
  readMarks: (number | null)[];
}

const VERSION = 3007000;
const COPY_BYTES = 48;
const NOT_USED = 0xffffffff;
// Numbers are in the byte order of the machine.
const LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * Reads a header.
 *
 * @returns `null` if the copies differ, as they do while somebody writes one,
 * or if it is none.
 */
export function parseWalIndex(bytes: Uint8Array): WalIndex | null {
  if (bytes.length < INDEX_FACTS_BYTES) return null;
  for (let i = 0; i < COPY_BYTES; i++) {
    if (bytes[i] !== bytes[COPY_BYTES + i]) return null;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (at: number) => view.getUint32(at, LITTLE);
  if (word(0) !== VERSION || bytes[12] === 0) return null;
  const [one, two] = checksum(word);
  if (one !== word(40) || two !== word(44)) return null;
  const size = view.getUint16(14, LITTLE);
  const frames = word(16);
  const checkpointed = word(96);
  if (checkpointed > frames) return null;
  return {
    commits: word(8),
    // 65536 does not fit into 16 bits.
    pageSize: (size & 0xfe00) + ((size & 1) << 16),
    frames,
    pages: word(20),
    salts: bytes.slice(32, 40),
    checkpointed,
    readMarks: [0, 1, 2, 3, 4].map((mark) => {
      const frame = word(100 + 4 * mark);
      return frame === NOT_USED ? null : frame;
    }),
  };
}

/** The checksum of the first 40 bytes, as walChecksumBytes() in wal.c. */
function checksum(word: (at: number) => number): [number, number] {
  let one = 0;
  let two = 0;
  for (let at = 0; at < 40; at += 8) {
    one = (one + word(at) + two) >>> 0;
    two = (two + word(at + 4) + one) >>> 0;
  }
  return [one, two];
}

const FIRST_ENTRIES = 4062;
const ENTRIES = 4096;
const BLOCK_BYTES = 32768;

/**
 * The latest frame in `(after, frames]` that holds a page.
 *
 * @param bytes The wal-index behind its header.
 * @returns `null` if there is none; `undefined` if the bytes end too early.
 */
export function latestFrameOf(
  page: number,
  after: number,
  frames: number,
  bytes: Uint8Array,
): number | null | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let frame = frames; frame > after; frame--) {
    const at = entryOffset(frame);
    if (at + 4 > bytes.length) return undefined;
    if (view.getUint32(at, LITTLE) === page) return frame;
  }
  return null;
}

/** Where in the wal-index the pages of the first `frames` frames are told. */
export function placeOf(frames: number): { offset: number; bytes: number } {
  const bytes = frames === 0 ? 0 : entryOffset(frames) + 4;
  return { offset: INDEX_HEADER_BYTES, bytes };
}

/** Behind the header. */
function entryOffset(frame: number): number {
  if (frame <= FIRST_ENTRIES) return 4 * (frame - 1);
  const index = frame - 1 - FIRST_ENTRIES;
  return BLOCK_BYTES * (1 + Math.floor(index / ENTRIES)) +
    4 * (index % ENTRIES) - INDEX_HEADER_BYTES;
}
