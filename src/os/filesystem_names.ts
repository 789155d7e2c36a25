/**
 * What the numbers of statfs(2) are called.
 *
 * @module
 */

/** By `f_type`; statfs(2), "Filesystem types". */
export const FILESYSTEMS: Record<number, string> = {
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
