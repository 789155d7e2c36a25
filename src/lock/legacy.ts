/**
 * Locks of an application's older version, for the release in which it
 * changes over.
 *
 * The old version knows a pidfile at a path of its own: a bare PID, JSON with
 * a `pid`, or the folder that proper-lockfile makes. While its process lives
 * it is an exclusive holder to us. To keep it out, one of us publishes a PID
 * there; all of ours share that file, and the last one out removes it.
 *
 * @module
 */

import { LockedError } from "../errors.ts";
import type { Holder } from "../options.ts";
import { exchange, lastTouched } from "../os/exchange.ts";
import { publish, readSmall, remove } from "../os/files.ts";
import { randomId } from "../os/ids.ts";
import { locate, type Location, toPath } from "../os/paths.ts";
import { isThere, self } from "../os/process.ts";
import type { Ask } from "./claim.ts";
import { allPidfiles, toHolder } from "./pidfiles.ts";
import { type HolderRecord, parseRecord } from "./record.ts";
import { advice, asked, describe } from "./refusal.ts";

/** The process of the old version that is in the way. */
export interface OldHolder {
  path: string;
  /** `null` where its lock does not say. */
  holder: Holder | null;
}

// proper-lockfile touches its folder every 5 s, and takes it for stale after
// 10 s; both can be set. Whoever blocks its event loop for longer still holds.
const FOLDER_STALE_MS = 60_000;
// An old version that makes its file first and writes it then.
const EMPTY_STALE_MS = 5_000;
// One of ours may be killed whose PID the file names; another takes its place
// before an old version is likely to look.
const LOOK_EVERY_MS = 250;

/**
 * Makes the paths absolute.
 *
 * @throws {TypeError} If one of them is where our own lock is.
 */
export function legacyPaths(
  target: Location,
  legacy: readonly (string | URL)[],
): string[] {
  return legacy.map((path) => {
    const found = locate(toPath(path)).path;
    if (found !== `${target.path}.lock` && found !== `${target.path}.pid`) {
      return found;
    }
    throw new TypeError(
      `Cannot lock "${target.path}": the legacy path must not be a file of ` +
        `litelatch's own, got "${found}"; take a lock of another name with ` +
        'acquireLock(…, { legacy }), and open a database with { lock: "none" }',
    );
  });
}

/** Keeps the old version out, or says who is in; `null` if nobody is. */
export function enterLegacy(ask: Ask): OldHolder | null {
  for (const path of ask.legacy) {
    // A second try: what was stale at the first may be somebody's by then.
    for (let tries = 0;; tries++) {
      const found = look(path, ask);
      if (found === "ours") break;
      if (found === "free" && publish(path, draft(path), text())) break;
      if (found === "stale" && replace(path)) break;
      if (typeof found === "object" || tries > 10) {
        leaveLegacy(ask);
        return typeof found === "object" ? found : { path, holder: null };
      }
    }
  }
  return null;
}

/**
 * Hands our place over to another of ours, or removes it.
 *
 * Called again when our record is gone: until then another may have handed its
 * place to us.
 */
export function leaveLegacy(ask: Ask): void {
  for (const path of ask.legacy) handOn(path, ask);
}

/**
 * The heir may leave between the choice and the exchange; it saw our PID then,
 * and left it. So who names an heir looks after it. Without that, the file
 * kept the PID of a living process that held nothing, and shut everybody out.
 */
function handOn(path: string, ask: Ask): void {
  const own = self().pid;
  const holds = (pid: number) => ours(ask).some((one) => one.pid === pid);
  for (let named = own; pidAt(path) === named;) {
    const heir = ours(ask).find(({ pid }) => pid !== own)?.pid;
    if (heir === undefined) return void remove(path);
    if (!exchange(path, draft(path), `${heir}\n`) || holds(heir)) return;
    named = heir;
  }
}

/** Looks after our place, without keeping the process alive. */
export function watchLegacy(ask: Ask): () => void {
  if (ask.legacy.length === 0) return () => {};
  const timer = setInterval(() => {
    for (const path of ask.legacy) {
      const found = look(path, ask);
      if (found === "free") publish(path, draft(path), text());
      if (found === "stale") replace(path);
    }
  }, LOOK_EVERY_MS);
  (timer as { unref?: () => void }).unref?.();
  return () => clearInterval(timer);
}

/** The error of a lock that an older version holds. */
export function legacyRefusal(
  what: string,
  ask: Ask,
  { path, holder }: OldHolder,
  waitedMs: number,
): LockedError {
  const who = holder === null
    ? "a process of an older version, which left no PID"
    : `${describe(holder)}, of an older version`;
  const holders = holder === null ? [] : [holder];
  return new LockedError(
    `${what} "${ask.target.path}" is locked exclusively by ${who}: its lock ` +
      `is "${path}".\n${asked(ask, waitedMs)}\n` +
      `${advice(holders)}, or wait for it with { wait: ms }.`,
    holders,
  );
}

/** `moved`: it changed under our eyes. */
function look(
  path: string,
  ask: Ask,
): "free" | "ours" | "stale" | "moved" | OldHolder {
  const touched = lastTouched(path);
  if (touched === null) return "free";
  const age = Date.now() - touched.at;
  if (touched.kind === "folder") {
    return age > FOLDER_STALE_MS ? "stale" : { path, holder: null };
  }
  const text = readSmall(path);
  if (text === null && lastTouched(path) === null) return "free";
  const record = parseRecord(text ?? "", "exclusive");
  if (record === null) {
    return age > EMPTY_STALE_MS ? "stale" : { path, holder: null };
  }
  if (record.pid === self().pid) return "ours";
  if (ours(ask).some(({ pid }) => pid === record.pid)) return "ours";
  // One of ours may have left since the file was read.
  if (pidAt(path) !== record.pid) return "moved";
  return isThere(record) === false
    ? "stale"
    : { path, holder: { ...toHolder(record), alive: isThere(record) } };
}

/** Those that hold our lock, as far as it is not proved that they do not. */
function ours(ask: Ask): HolderRecord[] {
  return allPidfiles(ask.target)
    .map(({ record }) => record)
    .filter((record) => record !== null)
    .filter((record) => isThere(record) !== false);
}

// In one step, so that the old version finds no gap to slip in.
function replace(path: string): boolean {
  if (lastTouched(path)?.kind === "folder") {
    return remove(path) && publish(path, draft(path), text());
  }
  return exchange(path, draft(path), text());
}

function pidAt(path: string): number | null {
  return parseRecord(readSmall(path) ?? "", "exclusive")?.pid ?? null;
}

function text(): string {
  return `${self().pid}\n`;
}

function draft(path: string): string {
  return `${path}-${randomId()}.tmp`;
}
