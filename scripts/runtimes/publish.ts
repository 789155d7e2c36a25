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
  readdirSync,
  realpathSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Copies files and folders of this checkout, to the same places. */
export function publishSources(folder: string, parts: readonly string[]): void {
  for (const part of parts) {
    const copy = join(folder, part);
    cpSync(join(ROOT, part), copy, { recursive: true });
    // A copy is as narrow as what was checked out under a umask of 077.
    widen(copy);
    for (let above = copy; above !== folder;) {
      above = dirname(above);
      chmodSync(above, 0o755);
    }
  }
}

function widen(path: string): void {
  const isFolder = statSync(path).isDirectory();
  chmodSync(path, isFolder ? 0o755 : 0o644);
  if (!isFolder) return;
  for (const name of readdirSync(path)) widen(join(path, name));
}

/** Puts a runtime into a folder; its path there. */
export function publishBinary(folder: string, binary: string): string {
  const path = join(folder, basename(binary));
  // link(2) would link a symbolic link itself.
  const real = realpathSync(binary);
  try {
    // A link has the rights of what it links.
    if ((statSync(real).mode & 0o005) !== 0o005) throw new Error("not for all");
    linkSync(real, path);
  } catch {
    copyFileSync(binary, path);
    chmodSync(path, 0o755);
  }
  return path;
}
