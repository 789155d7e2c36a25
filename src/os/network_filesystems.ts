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

// A program that locks over and over does it in one folder.
let lastLocal = "";

/** The filesystem under a folder, if it crosses hosts; otherwise `null`. */
export function networkFilesystemOf(folder: string): string | null {
  if (folder === lastLocal) return null;
  const type = filesystemOf(folder);
  if (type !== null && ACROSS_HOSTS.has(type)) return type;
  lastLocal = folder;
  return null;
}
