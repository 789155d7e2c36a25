/** Which filesystem a path is on. @module */

import { mountOf } from "./procfs.ts";

/** A name such as `nfs4`; `null` if unknown. */
export function filesystemOf(path: string): string | null {
  if (/^\\\\(?![?.])/.test(path)) return "smb"; // a share, on Windows
  return mountOf(path)?.type ?? null;
}

/** In brackets for a sentence, or nothing where it is unknown. */
export function onFilesystem(path: string): string {
  const type = filesystemOf(path);
  return type === null ? "" : ` (${type})`;
}

// By 9p and virtiofs virtual machines and WSL share a folder with their host.
const ACROSS =
  /^(?:nfs\d?|cifs|smb\d?|smbfs|9p|virtiofs|k?afs|ceph|lustre|gpfs|glusterfs|ncpfs|orangefs|fuse\.(?:sshfs|glusterfs|rclone|s3fs|gcsfuse|ceph|juicefs|smbnetfs|davfs2))$/;

/** Whether other hosts have that filesystem at the same time. */
export function crossesHosts(type: string): boolean {
  return ACROSS.test(type);
}
