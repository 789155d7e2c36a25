/**
 * Copies for another user, who may reach neither this checkout nor the
 * runtimes: root's home, and the folder that a build machine checks out into,
 * are often for their owner alone.
 *
 * @module
 */

import {
  chmodSync,
  copyFileSync,
  cpSync,
  linkSync,
  realpathSync,
} from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Copies files and folders of this checkout, to the same places. */
export function publishSources(folder: string, parts: readonly string[]): void {
  for (const part of parts) {
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  }
}

/** Puts a runtime into a folder; its path there. */
export function publishBinary(folder: string, binary: string): string {
  const path = join(folder, basename(binary));
  try {
    // link(2) would link a symbolic link itself.
    linkSync(realpathSync(binary), path);
  } catch {
    copyFileSync(binary, path);
    chmodSync(path, 0o755);
  }
  return path;
}
