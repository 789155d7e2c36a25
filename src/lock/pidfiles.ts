/**
 * The pidfiles beside a path: publish ours, read the others.
 *
 * @module
 */

import { namesIn, publish, readSmall, remove } from "../os/files.ts";
import { randomId } from "../os/ids.ts";
import type { Location } from "../os/paths.ts";
import { inWorker, lives, self } from "../os/process.ts";
import type { Holder, LockMode } from "../options.ts";
import { formatRecord, type HolderRecord, parseRecord } from "./record.ts";

/** A pidfile; `record` is `null` where its text is none of ours. */
export interface Pidfile {
  path: string;
  record: HolderRecord | null;
}

/** Our own pidfile; `path` is `null` where it could not be written. */
export interface OwnPidfile {
  path: string | null;
  record: HolderRecord;
}

const DRAFT = ".tmp";
const UNIQUE = /^[0-9a-f]{16}(?:\.tmp)?$/;

/** The pidfile of the exclusive holder, if there is one. */
export function exclusivePidfile(target: Location): Pidfile | null {
  return look(target).exclusive[0] ?? null;
}

/** The pidfiles of all shared holders, and of threads that joined one. */
export function sharedPidfiles(target: Location): Pidfile[] {
  return pidfiles(target).shared;
}

/** All holders' pidfiles, for one look into the folder. */
export function pidfiles(
  target: Location,
): { exclusive: Pidfile[]; shared: Pidfile[] } {
  const { exclusive, names } = look(target);
  const shared = names
    .filter((name) => !name.endsWith(DRAFT))
    .map((name) => read(beside(target, name), "shared"));
  return { exclusive, shared };
}

/** Everything that an exclusive holder knows to be litter, drafts included. */
export function allPidfiles(target: Location): Pidfile[] {
  const { exclusive, names } = look(target);
  return [
    ...exclusive,
    ...names.map((name) => read(beside(target, name), "shared")),
  ];
}

/**
 * One look into the folder. Only names with an id of ours count:
 * `app.pid-old` is the user's, and `app.pid-x.lock` may be a lock in use.
 */
function look(target: Location): { exclusive: Pidfile[]; names: string[] } {
  const path = `${target.path}.pid`;
  const prefix = `${target.name}.pid-`;
  const found = namesIn(target.folder, `${target.name}.pid`);
  return {
    exclusive: found.includes(`${target.name}.pid`)
      ? [read(path, "exclusive")]
      : [],
    names: found.filter((name) =>
      name.startsWith(prefix) && UNIQUE.test(name.slice(prefix.length))
    ),
  };
}

/**
 * Publishes who we are, whole and at once.
 *
 * A lock that is won is not forfeited because its pidfile cannot be written
 * (a full disk, a folder in its place): others then read "holder unknown".
 */
export function publishOwn(
  target: Location,
  facts: Pick<HolderRecord, "mode" | "app" | "purpose" | "sidecar" | "joins">,
): OwnPidfile {
  const id = randomId();
  const record: HolderRecord = {
    ...self(),
    ...facts,
    acquiredAt: new Date().toISOString(),
    id,
    // Only an exclusive lock can be joined, so only there it is worth asking:
    // it costs Node 1.4 ms of a hook's start.
    worker: facts.mode === "exclusive" ? inWorker() : null,
  };
  const unique = `${target.path}.pid-${id}`;
  const path = facts.mode === "exclusive" && facts.joins === null
    ? `${target.path}.pid`
    : unique;
  return { path: write(path, unique + DRAFT, record) ? path : null, record };
}

/** Puts back a pidfile that was withdrawn. */
export function republish(
  target: Location,
  { path, record }: OwnPidfile,
): void {
  if (path === null) return;
  write(path, `${target.path}.pid-${record.id}${DRAFT}`, record);
}

function write(path: string, draft: string, record: HolderRecord): boolean {
  try {
    return publish(path, draft, formatRecord(record));
  } catch {
    // Nothing half-written is left; the lock itself stands.
    return false;
  }
}

/** Removes our pidfile, and never somebody else's in its place. */
export function withdraw({ path, record }: OwnPidfile): void {
  if (path === null) return;
  if (readSmall(path)?.includes(`"id":"${record.id}"`)) remove(path);
}

/** What a caller is told about the holder behind a record. */
export function toHolder(record: HolderRecord): Holder {
  const { pid, ppid, mode, app, purpose, command, runtime, acquiredAt } =
    record;
  const own = self().pidNamespace;
  const pidNamespace = own === null || record.pidNamespace === null
    ? null
    : own === record.pidNamespace
    ? "own"
    : "other";
  return {
    pid,
    ppid,
    app,
    purpose,
    command,
    runtime,
    mode,
    acquiredAt,
    alive: lives(record),
    pidNamespace,
  };
}

function read(path: string, mode: LockMode): Pidfile {
  const text = readSmall(path);
  return { path, record: text === null ? null : parseRecord(text, mode) };
}

function beside(target: Location, name: string): string {
  return target.path.slice(0, target.path.length - target.name.length) + name;
}
