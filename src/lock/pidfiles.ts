/**
 * The pidfiles beside a path: publish ours, read the others.
 *
 * @module
 */

import {
  namesIn,
  publish,
  readSmall,
  remove,
  type Rights,
} from "../os/files.ts";
import { randomId } from "../os/ids.ts";
import type { Location } from "../os/paths.ts";
import { self } from "../os/process.ts";
import {
  formatRecord,
  type HolderRecord,
  isOurForm,
  parseRecord,
} from "./record.ts";

/** A pidfile that is ours by its form; `record` is `null` if it is torn. */
export interface Pidfile {
  path: string;
  record: HolderRecord | null;
}

/** Our own pidfile; `path` is `null` where it could not be written. */
export interface OwnPidfile {
  path: string | null;
  record: HolderRecord;
}

// `app.pid-old` is the user's, and `app.pid-x.lock` may be a lock in use.
const SHARED = /^-[0-9a-f]{16}(?:\.tmp)?$/;

/** The pidfile of the exclusive holder; `null` if there is none of ours. */
export function exclusivePidfile({ path }: Location): Pidfile | null {
  return read(`${path}.pid`, "exclusive");
}

/**
 * All pidfiles of ours, drafts of dead publishers included, for one look into
 * the folder.
 */
export function allPidfiles(target: Location): Pidfile[] {
  const { path, folder, name } = target;
  const found = namesIn(folder, `${name}.pid`)
    .map((found) => found.slice(name.length + ".pid".length))
    .filter((rest) => rest === "" || SHARED.test(rest))
    .map((rest) => read(`${path}.pid${rest}`, rest ? "shared" : "exclusive"));
  return found.filter((pidfile) => pidfile !== null);
}

/**
 * Publishes who we are, whole and at once.
 *
 * A lock that is won is not forfeited because its pidfile cannot be written (a
 * full disk): others then read "holder unknown". Where something that is not
 * ours lies at `.pid`, an exclusive holder is recorded as shared ones are.
 */
export function publishOwn(
  { path }: Location,
  facts: Pick<HolderRecord, "mode" | "app" | "purpose" | "sidecar">,
  rights: Rights | null,
): OwnPidfile {
  const id = randomId();
  const acquiredAt = new Date().toISOString();
  const record = { ...self(), ...facts, acquiredAt, id };
  const text = formatRecord(record);
  const unique = `${path}.pid-${id}`;
  const places = facts.mode === "exclusive"
    ? [`${path}.pid`, unique]
    : [unique];
  for (const place of places) {
    try {
      if (publish(place, `${unique}.tmp`, text, rights)) {
        return { path: place, record };
      }
    } catch {
      // Nothing half-written is left; the lock itself stands.
    }
  }
  return { path: null, record };
}

/** Removes our pidfile, and never somebody else's in its place. */
export function withdraw({ path, record }: OwnPidfile): void {
  if (path === null) return;
  if (readSmall(path)?.includes(`"id":"${record.id}"`)) remove(path);
}

function read(path: string, mode: "shared" | "exclusive"): Pidfile | null {
  const text = readSmall(path);
  if (text === null || !isOurForm(text)) return null;
  return { path, record: parseRecord(text, mode) };
}
