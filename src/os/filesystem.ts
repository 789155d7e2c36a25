/**
 * Which filesystem a path is on.
 *
 * @module
 */

import { fileSystem } from "./builtin.ts";
import { mayStatfs } from "./permissions.ts";

/** By `f_type`; statfs(2), "Filesystem types". */
const NAMES: Record<number, string> = {
  0xef53: "ext4",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x01021994: "tmpfs",
  0x794c7630: "overlayfs",
  0x2fc12fc1: "zfs",
  0x6969: "nfs",
  0xff534d42: "cifs",
  0xfe534d42: "smb2",
  0x517b: "smb",
  0x01021997: "9p",
  0x65735546: "fuse",
  0x4d44: "fat",
  0x2011bab0: "exfat",
  0x5346544e: "ntfs",
  0x73717368: "squashfs",
  0x00c36400: "ceph",
  0x0bd00bd0: "lustre",
  0x5346414f: "afs",
  0x6b414653: "afs",
  0x47504653: "gpfs",
  0x564c: "ncpfs",
};

// 9p is what virtual machines and WSL share a folder with their host by. What
// is mounted by FUSE may be either, and statfs(2) does not tell.
const ACROSS_HOSTS = /^(?:nfs|cifs|smb2?|9p|ceph|lustre|afs|gpfs|ncpfs)$/;

/** The filesystem under a path, as a name such as `nfs`; `null` if unknown. */
export function filesystemOf(path: string): string | null {
  if (process.platform !== "linux" || !mayStatfs()) return null;
  try {
    const { type } = fileSystem().statfsSync(path);
    return NAMES[type] ?? `0x${type.toString(16)}`;
  } catch {
    return null;
  }
}

/** In brackets for a sentence, or nothing where it is unknown. */
export function onFilesystem(path: string): string {
  const type = filesystemOf(path);
  return type === null ? "" : ` (${type})`;
}

/** Whether other hosts have that filesystem at the same time. */
export function crossesHosts(type: string): boolean {
  return ACROSS_HOSTS.test(type);
}
