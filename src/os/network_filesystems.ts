/**
 * Filesystems that other hosts have at the same time.
 *
 * @module
 */

import { filesystemOf } from "./look.ts";

// 9p is what virtual machines and WSL share a folder with their host by. What
// is mounted by FUSE may be either, and statfs(2) does not tell.
const ACROSS_HOSTS = new Set([
  "nfs",
  "cifs",
  "smb",
  "smb2",
  "9p",
  "ceph",
  "lustre",
  "afs",
  "gpfs",
  "ncpfs",
]);

/** The filesystem under a path, if it crosses hosts; otherwise `null`. */
export function networkFilesystemOf(path: string): string | null {
  const type = filesystemOf(path);
  return type !== null && ACROSS_HOSTS.has(type) ? type : null;
}
