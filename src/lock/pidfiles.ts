/**
 * The pidfiles beside a path, which say who holds its lock: a line with the PID,
 * for `head -1` and `pgrep -F`, and one of JSON. Copies of different versions
 * meet there, so a missing key is `null` and an unknown one is ignored.
 */

import type { LockMode } from "../options.ts";
import { attempt } from "../os/builtin.ts";
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
import { printable } from "../printable.ts";

// `id` is random, so that a holder removes only its own; `sidecar` is the
// `dev:ino` of the lock file whose kernel lock the record speaks of.
const WORDS = [
  ...["app", "purpose", "command", "runtime", "acquiredAt"] as const,
  ...["startToken", "bootId", "pidNamespace", "thread"] as const,
  ...["id", "sidecar"] as const,
];
type Words = Record<(typeof WORDS)[number], string | null>;

/** What a pidfile says. */
export interface HolderRecord extends Words {
  pid: number;
  ppid: number | null;
  mode: LockMode;
}

/** A pidfile that is ours by its form; `record` is `null` if it is torn. */
export interface Pidfile {
  path: string;
  record: HolderRecord | null;
}

const FORM = '{"v":1,';
// `app.pid-old` is the user's, and `app.pid-x.lock` may be a lock in use.
const SHARED = /^-[0-9a-f]{16}(?:\.tmp)?$/;

/** The pidfile of the exclusive holder; `null` if there is none of ours. */
export function exclusivePidfile({ path }: Location): Pidfile | null {
  return read(`${path}.pid`, "exclusive");
}

/** All of them, drafts of dead publishers too, for one look into the folder. */
export function allPidfiles({ path, folder, name }: Location): Pidfile[] {
  return namesIn(folder, `${name}.pid`)
    .map((found) => found.slice(name.length + ".pid".length))
    .filter((rest) => rest === "" || SHARED.test(rest))
    .map((rest) => read(`${path}.pid${rest}`, rest ? "shared" : "exclusive"))
    .filter((pidfile) => pidfile !== null);
}

function read(path: string, mode: LockMode): Pidfile | null {
  const text = readSmall(path);
  if (text === null || !isOurForm(text)) return null;
  return { path, record: parseRecord(text, mode) };
}

/**
 * Publishes who we are, whole and at once. On a full disk others read "holder
 * unknown"; where what lies at `.pid` is not ours, an exclusive holder is
 * recorded as shared ones are.
 */
export function publishOwn(
  { path }: Location,
  facts: Pick<HolderRecord, "mode" | "app" | "purpose" | "sidecar">,
  rights: Rights | null,
): { record: HolderRecord; withdraw(): void } {
  const id = randomId();
  const acquiredAt = new Date().toISOString();
  const record = { ...self(), ...facts, acquiredAt, id };
  // A record of more than 64 KiB would never be read again.
  const app = facts.app && printable(facts.app);
  const purpose = facts.purpose && printable(facts.purpose);
  const json = JSON.stringify({ v: 1, ...record, app, purpose });
  const text = `${record.pid}\n${json}\n`;
  const unique = `${path}.pid-${id}`;
  const places = facts.mode === "shared" ? [unique] : [`${path}.pid`, unique];
  // If it fails, nothing half-written is left; the lock itself stands.
  const place = places.find((place) =>
    attempt(() => publish(place, `${unique}.tmp`, text, rights), false)
  );
  const withdraw = (): void => {
    if (place === undefined) return;
    // Somebody else's may be in its place.
    if (readSmall(place)?.includes(`"id":"${id}"`)) remove(place);
  };
  return { record, withdraw };
}

/** Whether it is a record, or what a kill left of one; all else stays. */
export function isOurForm(text: string): boolean {
  const json = /^\d{1,10}\n(\{.*)/s.exec(text)?.[1];
  return text === "" ||
    (json !== undefined && FORM.startsWith(json.slice(0, FORM.length)));
}

/** Reads a record; `null` for anything that is none of ours. */
export function parseRecord(text: string, mode: LockMode): HolderRecord | null {
  const [, digits, json = ""] = /^(\d{1,10})\n(.*)/s.exec(text) ?? [];
  const pid = Number(digits);
  // A larger one is no PID: kill(2) takes an int.
  if (!(pid > 0 && pid <= 0x7fffffff)) return null;
  let fields: { [key: string]: unknown } | null;
  try {
    fields = JSON.parse(json);
  } catch {
    return null;
  }
  if (fields?.["v"] === undefined) return null;
  const { ppid, mode: said } = fields;
  const words = WORDS.map((key) => {
    const word = fields[key];
    return [key, typeof word === "string" ? printable(word) : null];
  });
  return {
    ...Object.fromEntries(words) as Words,
    pid,
    ppid: typeof ppid === "number" ? ppid : null,
    mode: said === "shared" || said === "exclusive" ? said : mode,
  };
}
