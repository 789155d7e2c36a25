/**
 * Where the files are, and whether locks can work there.
 *
 * @module
 */

import { crossesHosts } from "../os/filesystem.ts";
import { whyNoProc } from "../os/proc_view.ts";
import { mountOf } from "../os/procfs.ts";
import type { Reasons } from "./reasons.ts";
import type { FilesystemReport } from "./report.ts";

// Others have these mounted too, and each machine has locks and shared memory
// of its own; 9p is WSL's /mnt/c and what some virtual machines share.
const LOCAL =
  /^(ext[234]|xfs|btrfs|zfs|tmpfs|ramfs|overlay(fs)?|f2fs|bcachefs|jfs|reiserfs|nilfs2|ntfs3?|exfat|vfat|fat|apfs|hfsplus|ufs)$/;

/**
 * Describes the filesystem of a path.
 *
 * @param locked Whether the kernel lists a lock on one of the files.
 */
export function diskReport(
  path: string,
  locked: boolean,
  reasons: Reasons,
): FilesystemReport {
  const mount = mountOf(path);
  const type = mount?.type ?? null;
  const unknown = whyNoProc() ?? "the kernel does not name it";
  if (type === null) reasons.note("filesystem.type", unknown);
  if (mount === null) reasons.note("filesystem.readOnly", unknown);
  const network = type === null
    ? reasons.note("filesystem.network", unknown)
    : crossesHosts(type)
    ? true
    : LOCAL.test(type)
    ? false
    : reasons.note(
      "filesystem.network",
      `it is not known where the files of "${type}" are`,
    );
  const locks = locked || network === false ? true : reasons.note(
    "filesystem.locks",
    "only taking one would show it: run `litelatch selftest` there",
  );
  return { type, network, locks, readOnly: mount?.readOnly ?? null };
}
