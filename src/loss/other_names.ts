/**
 * Whether a process has the same database open by another name.
 *
 * A file that was renamed, linked or mounted elsewhere under a living process
 * has another `-wal` there: what one of them commits the other never sees. In
 * WAL mode every connection keeps a lock on the database and one on its `-shm`;
 * a process that has the first and not the second uses another `-shm`.
 *
 * @module
 */

import { UnsupportedError } from "../errors.ts";
import { SHARED, WAL_DMS } from "../os/lock_bytes.ts";
import {
  commandOf,
  descriptorsOf,
  locksOnEach,
  pidsAt,
  readProcLink,
} from "../os/procfs.ts";
import { self } from "../os/process.ts";
import { stat } from "../os/stat.ts";
import type { Waiting } from "../os/waiting.ts";

// Who opens or closes has one of the two locks for a moment.
const LOOKS = 4;
const BETWEEN_LOOKS_MS = 3;

/** @throws {UnsupportedError} If there is such a process. */
export function* refuseOtherNames(path: string): Waiting<void> {
  let found = pidsElsewhere(path);
  for (let look = 1; look < LOOKS && found.length > 0; look++) {
    yield BETWEEN_LOOKS_MS;
    const again = pidsElsewhere(path);
    found = found.filter((pid) => again.includes(pid));
  }
  const pid = found.find((pid) => usesAnotherIndex(pid, path));
  if (pid === undefined) return;
  throw new UnsupportedError(
    `Cannot open the database "${path}": PID ${pid}${
      commandOf(pid) === null ? "" : ` (${commandOf(pid)})`
    } has the same file open by another name, because it was renamed, linked ` +
      "or mounted elsewhere meanwhile, and each name has a WAL of its own. " +
      "Stop that process first.",
  );
}

function pidsElsewhere(path: string): number[] {
  const files = [stat(path), stat(`${path}-shm`)];
  const [database = [], shm = []] = locksOnEach(files, 1) ?? [];
  const here = pidsAt(shm, WAL_DMS);
  return pidsAt(database, SHARED)
    .filter((pid) => pid !== self().pid && !here.includes(pid));
}

/** A `-shm` that was deleted at this very name is another matter: a loss. */
function usesAnotherIndex(pid: number, path: string): boolean {
  const links = descriptorsOf(pid)
    ?.map((name) => readProcLink(`${pid}/fd/${name}`)) ?? [];
  return links.length > 0 &&
    !links.some((link) =>
      link === `${path}-shm` || link === `${path}-shm (deleted)`
    ) &&
    links.some((link) => link?.replace(/ \(deleted\)$/, "").endsWith("-shm"));
}
