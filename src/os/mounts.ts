/**
 * Which mount a path is on, by the kernel's list: `statfs` gives a number that
 * many filesystems share, as every FUSE mount does. The core never imports this.
 *
 * @module
 */

import { readProc } from "./procfs.ts";

/** One mount. */
export interface Mount {
  folder: string;
  /** Such as `ext4`, `nfs4` or `fuse.sshfs`. */
  type: string;
  readOnly: boolean;
}

/** The mount of an absolute path without symbolic links; `null` if not shown. */
export function mountOf(path: string): Mount | null {
  let best: Mount | null = null;
  for (const line of readProc("self/mountinfo")?.split("\n") ?? []) {
    const mount = parse(line);
    if (mount === null || !isInside(path, mount.folder)) continue;
    // A later mount on the same folder hides the earlier one.
    if (best === null || mount.folder.length >= best.folder.length) {
      best = mount;
    }
  }
  return best;
}

/** proc_pid_mountinfo(5). */
function parse(line: string): Mount | null {
  const [left, right] = line.split(" - ");
  const [, , , , folder, options] = left?.split(" ") ?? [];
  const type = right?.split(" ")[0];
  if (folder === undefined || type === undefined) return null;
  return {
    folder: folder.replace(
      /\\([0-7]{3})/g,
      (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)),
    ),
    type,
    readOnly: options?.split(",").includes("ro") ?? false,
  };
}

function isInside(path: string, folder: string): boolean {
  return path === folder || folder === "/" || path.startsWith(`${folder}/`);
}
