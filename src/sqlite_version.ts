/**
 * What a version of SQLite can do, and cannot be trusted with.
 *
 * @module
 */

/**
 * Whether a version such as `3.49.1` has the WAL-reset bug: concurrent
 * checkpoints and writes can corrupt the database
 * (https://sqlite.org/wal.html#walresetbug).
 */
export function hasWalResetBug(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = parts(version);
  if (major !== 3) return false;
  if (minor < 7 || minor > 51) return false;
  if (minor === 51) return patch <= 2;
  // The fix was carried back to these two.
  if (minor === 50) return patch < 7;
  if (minor === 44) return patch < 6;
  return true;
}

/**
 * Whether `wal_checkpoint(NOOP)` counts frames and moves none. Before 3.51 an
 * unknown mode is a passive checkpoint, which does move them.
 */
export function canCountFrames(version: string): boolean {
  const [major = 0, minor = 0] = parts(version);
  return major > 3 || (major === 3 && minor >= 51);
}

function parts(version: string): number[] {
  return version.split(".").map(Number);
}
