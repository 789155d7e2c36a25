/** From what a caller wrote to the one name that all agree on. @module */

import { LitelatchError } from "../errors.ts";
import { legible } from "../printable.ts";
import { attempt, fileSystem } from "./builtin.ts";
import { identityOf, isPosix } from "./stat.ts";

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
  const isUrl = typeof path !== "string" || text.startsWith("file:");
  const refuse = (why: string): never => {
    const isText = text || path === "";
    const shown = isText ? legible(JSON.stringify(text)) : typeof path;
    throw new TypeError(`Cannot use ${shown} as a path: ${why}`);
  };
  if (!/^[^\0\p{Cs}]+$/u.test(text)) refuse("it must name a file");
  if (isUrl && !/^file:([^?#%]|%(?!00)[\da-f]{2})*$/i.test(text)) {
    refuse("it must be a file: URL without a query");
  }
  const ofUrl = () =>
    text.startsWith("file:/")
      ? process.getBuiltinModule("node:url").fileURLToPath(text)
      : absolute(decodeURIComponent(text.slice("file:".length)));
  const whole = attempt(() => isUrl ? ofUrl() : absolute(text), "");
  // Of bytes that are no UTF-8 Bun makes an empty one.
  if (whole === "") refuse("it must be the URL of a file on this machine");
  return isPosix() || !NO_NAME.test(partsOf(whole).name)
    ? whole
    : refuse("it is another on Windows");
}

// Win32 drops dots and spaces at the end, and behind a colon is a stream of the
// same file: each would be a further lock of it. To open a device may hang.
const NO_NAME =
  /[. ]$|:|^(?:con|prn|aux|nul|(?:com|lpt)[0-9\xb9\xb2\xb3]) *(?:\.|$)/i;

/** As `node:path` does it, which costs Deno 3 ms to load, and Bun 0.8. */
function absolute(path: string, folder?: string): string {
  if (process.platform === "win32") {
    return process.getBuiltinModule("node:path").resolve(folder ?? "", path);
  }
  // Where that was deleted, its folder is missing.
  const place = () => folder ?? attempt(process.cwd, "/proc/self/cwd");
  const whole = path.startsWith("/") ? path : `${place()}/${path}`;
  // What `..` leads to behind a link, only the kernel knows.
  const parts = whole.split("/").filter((part) => part && part !== ".");
  return `/${parts.join("/")}`;
}

/** The folder of an absolute path, and its last part. */
export function partsOf(path: string): { folder: string; name: string } {
  if (process.platform === "win32") {
    const { dirname, basename } = process.getBuiltinModule("node:path");
    return { folder: dirname(path), name: basename(path) };
  }
  const at = path.lastIndexOf("/");
  return { folder: path.slice(0, at) || "/", name: path.slice(at + 1) };
}

/**
 * Follows every symbolic link, so that each spelling of a file is one lock. The
 * last part may be missing, also behind a link; without the folder it throws.
 */
export function locate(path: string): Location {
  try {
    const real = follow(path);
    // Of bytes that are no UTF-8 Node and Bun make that: another file was opened.
    const at = (one: string) => identityOf(one, true);
    if (/\ufffd/.test(real) && at(real) !== at(path)) throw { code: "EILSEQ" };
    return { path: real, ...partsOf(real) };
  } catch (cause) {
    // Where Deno may not read, an error has no code.
    const { code, name } = cause as { code?: string; name?: string };
    const text =
      `Cannot use "${path}": its folder must exist and be readable ` +
      `(${code ?? name})`;
    throw new LitelatchError("LITELATCH_OPEN", text, { cause });
  }
}

function follow(path: string): string {
  const fs = fileSystem();
  const { realpathSync: { native: realpath } } = fs;
  const parts = partsOf(path);
  const folder = realpath(parts.folder);
  const whole = absolute(parts.name, folder);
  // It may be missing, and to make an error takes Deno a tenth of a lock's time.
  // Links in a circle are one.
  const quiet = { throwIfNoEntry: false };
  const isThere = fs.statSync(whole, quiet) !== undefined;
  const real = isThere && attempt(() => realpath(whole), null);
  if (real) return real;
  if (fs.lstatSync(whole, quiet)?.isSymbolicLink()) {
    return follow(absolute(fs.readlinkSync(whole), folder));
  }
  // It is yet to come. Windows and macOS take several spellings (case, NFC and
  // NFD) for one name, and its lock file has the right one.
  const lock = `${whole}.lock`;
  const isLocked = process.platform !== "linux" &&
    fs.lstatSync(lock, quiet)?.isFile();
  return isLocked ? realpath(lock).slice(0, -".lock".length) : whole;
}
