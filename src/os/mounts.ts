/**
 * Which filesystem a path is on, by the kernel's list of mounts. `statfs`
 * gives a number that many filesystems share: every FUSE mount has the same.
 *
 * @module
 */

import { fileSystem } from "./builtin.ts";
import { mayLookAround } from "./permissions.ts";

/** One mount. */
export interface Mount {
  /** Its folder. */
  folder: string;
  /** Such as `ext4`, `nfs4` or `fuse.sshfs`. */
  type: string;
  /** The device that `/proc/locks` lists for its files. */
  device: bigint;
  readOnly: boolean;
}

/**
 * The mount that an absolute path without symbolic links is on; `null` where
 * the kernel does not show it.
 */
export function mountOf(path: string): Mount | null {
  if (process.platform !== "linux" || !mayLookAround()) return null;
  let table: string;
  try {
    table = fileSystem().readFileSync("/proc/self/mountinfo", "utf8");
  } catch {
    return null;
  }
  let best: Mount | null = null;
  for (const line of table.split("\n")) {
    const mount = parse(line);
    if (mount === null || !isInside(path, mount.folder)) continue;
    // A later mount on the same folder hides the earlier one.
    if (best === null || mount.folder.length >= best.folder.length) {
      best = mount;
    }
  }
  return best;
}

/** makedev(3), of the two numbers that the kernel prints. */
export function makeDevice(majorNumber: bigint, minorNumber: bigint): bigint {
  return (minorNumber & 0xffn) | ((majorNumber & 0xfffn) << 8n) |
    ((minorNumber & ~0xffn) << 12n) | ((majorNumber & ~0xfffn) << 32n);
}

/** One line of `/proc/self/mountinfo`, see proc_pid_mountinfo(5). */
function parse(line: string): Mount | null {
  const [left, right] = line.split(" - ");
  const [, , device, , folder, options] = left?.split(" ") ?? [];
  const type = right?.split(" ")[0];
  const numbers = /^(\d+):(\d+)$/.exec(device ?? "");
  if (folder === undefined || type === undefined || numbers === null) {
    return null;
  }
  return {
    folder: folder.replace(
      /\\([0-7]{3})/g,
      (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)),
    ),
    type,
    device: makeDevice(BigInt(numbers[1] ?? 0), BigInt(numbers[2] ?? 0)),
    readOnly: options?.split(",").includes("ro") ?? false,
  };
}

function isInside(path: string, folder: string): boolean {
  return path === folder || folder === "/" || path.startsWith(`${folder}/`);
}
