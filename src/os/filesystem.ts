/** Which filesystem a path is on. @module */

import { mountOf } from "./procfs.ts";

/** The filesystem under a path, as a name such as `nfs4`; `null` if unknown. */
export function filesystemOf(path: string): string | null {
  return mountOf(path)?.type ?? null;
}

/** In brackets for a sentence, or nothing where it is unknown. */
export function onFilesystem(path: string): string {
  const type = filesystemOf(path);
  return type === null ? "" : ` (${type})`;
}

/**
 * Whether other hosts have that filesystem at the same time. By 9p and virtiofs
 * virtual machines and WSL share a folder with their host.
 */
export function crossesHosts(type: string): boolean {
  return /^(?:nfs4?|cifs|smb\d?|smbfs|9p|virtiofs|ceph|lustre|k?afs|gpfs|ncpfs|fuse\.(?:sshfs|glusterfs|s3fs|rclone))$/
    .test(type);
}
