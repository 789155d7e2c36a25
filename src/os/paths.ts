/**
 * From what a caller wrote to the one name that all processes agree on.
 *
 * @module
 */

import { fileSystem, paths } from "./builtin.ts";

/** A path in its parts, every symbolic link followed. */
export interface Location {
  path: string;
  folder: string;
  name: string;
}

/**
 * Makes a path absolute. A `file:` string means what it means to SQLite,
 * Prisma and Drizzle: `file:app.db` is relative to the working directory. A
 * query is refused, because two spellings of one file would be two locks.
 */
export function toPath(path: string | URL): string {
  const text = typeof path === "string" ? path : String(path?.href ?? "");
  if (text === "" || text.includes("\0")) {
    throw new TypeError(
      `Cannot use ${JSON.stringify(path)} as a path: it must name a file`,
    );
  }
  const isUrl = typeof path !== "string" || text.startsWith("file:");
  if (!isUrl) return absolute(text);
  if (!text.startsWith("file:") || /[?#]/.test(text)) {
    throw new TypeError(
      `Cannot use "${text}" as a path: it must be a file: URL without a query`,
    );
  }
  if (!text.startsWith("file:/")) {
    return absolute(decodeURIComponent(text.slice("file:".length)));
  }
  return process.getBuiltinModule("node:url").fileURLToPath(text);
}

function absolute(path: string): string {
  if (isPlain(path)) return path;
  const joined = `${process.cwd()}/${path}`;
  return isPlain(joined) ? joined : paths().resolve(path);
}

/** The folder of a path, and its last part. */
export function partsOf(path: string): { folder: string; name: string } {
  if (!isPlain(path)) {
    const { dirname, basename } = paths();
    return { folder: dirname(path), name: basename(path) };
  }
  const at = path.lastIndexOf("/");
  return { folder: path.slice(0, at) || "/", name: path.slice(at + 1) };
}

/**
 * Whether `node:path` would leave a path as it is. It nearly always would, and
 * loading it costs 3 ms in Deno and 0.8 in Bun.
 */
function isPlain(path: string): boolean {
  return process.platform !== "win32" && PLAIN.test(path);
}

const PLAIN = /^(?:\/(?!\.{1,2}(?:\/|$))[^/]+)+$/;

/**
 * Follows every symbolic link, so that each spelling of a file is one lock.
 * The last part may be missing, also behind a link; the folder may not.
 *
 * @throws The filesystem's error where the folder is missing or unreadable.
 */
export function locate(path: string, depth = 0): Location {
  const fs = fileSystem();
  const look = (place: string) =>
    fs.lstatSync(place, { throwIfNoEntry: false });
  // To realpath a missing file is an error, and to make one takes Deno a tenth
  // of the time of a lock.
  const found = look(path);
  if (found !== undefined) {
    try {
      const real = fs.realpathSync.native(path);
      return { path: real, ...partsOf(real) };
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOENT" || depth > 40) {
        throw error;
      }
    }
  }
  const { folder: asked, name } = partsOf(path);
  const folder = fs.realpathSync.native(asked);
  const whole = isPlain(folder)
    ? `${folder}/${name}`
    : paths().join(folder, name);
  const link = whole === path ? found : look(whole);
  if (link?.isSymbolicLink()) {
    const target = paths().resolve(folder, fs.readlinkSync(whole));
    return locate(target, depth + 1);
  }
  return { path: whole, folder, name };
}
