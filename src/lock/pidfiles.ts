/**
 * The pidfiles beside a path, which say who holds its lock: a line with the PID,
 * for `head -1` and `pgrep -F`, and one of JSON. Copies of different versions
 * meet there, so a missing key is `null` and an unknown one is ignored.
 */

import type { LockMode } from "../options.ts";
import { attempt } from "../os/builtin.ts";
import { namesIn, publish, readSmall, remove, rightsFor } from "../os/files.ts";
import { randomId } from "../os/ids.ts";
import { type Location, partsOf } from "../os/paths.ts";
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

/** All of them, drafts of dead publishers too, for one look into the folder. */
export function allPidfiles(path: string): Pidfile[] {
  return pidfilePlaces(path).flatMap((place) => pidfileAt(place) ?? []);
}

/** Where an exclusive holder's may be by now, and where others were seen. */
export function pidfilePlaces(path: string): string[] {
  const { folder, name } = partsOf(path);
  const prefix = `${name}.pid`;
  const rests = namesIn(folder, prefix).map((one) => one.slice(prefix.length));
  return ["", ...rests.filter((rest) => SHARED.test(rest))]
    .map((rest) => `${path}.pid${rest}`);
}

/** By its size: to read one that we have open would drop our locks on it. */
function isNoDatabase(bytes: number): boolean {
  return bytes === 0 || bytes % 512 !== 0;
}

/** One of ours, such as that of the exclusive holder at `<path>.pid`. */
export function pidfileAt(path: string): Pidfile | null {
  const text = readSmall(path, isNoDatabase);
  return text !== null && isOurForm(text)
    ? { path, record: recordIn(text) }
    : null;
}

/**
 * Publishes who we are, whole and at once. On a full disk others read "holder
 * unknown"; where what lies at `.pid` is not ours, an exclusive holder is
 * recorded as shared ones are.
 */
export function publishOwn(
  target: Location,
  facts: Pick<HolderRecord, "mode" | "app" | "purpose" | "sidecar">,
): { record: HolderRecord; withdraw(): void } {
  const { path } = target;
  const rights = rightsFor(target);
  const id = randomId();
  const acquiredAt = new Date().toISOString();
  // A record of more than 64 KiB would never be read again.
  const app = facts.app && printable(facts.app);
  const purpose = facts.purpose && printable(facts.purpose);
  const record = { ...self(), ...facts, app, purpose, acquiredAt, id };
  let text = `${record.pid}\n${JSON.stringify({ v: 1, ...record })}\n`;
  if (!isNoDatabase(encodeURI(text).replace(/%../g, "_").length)) text += "\n";
  const unique = `${path}.pid-${id}`;
  const places = facts.mode === "shared" ? [unique] : [`${path}.pid`, unique];
  // If it fails, nothing half-written is left; the lock itself stands.
  const place = places.find((place) =>
    attempt(() => publish(place, `${unique}.tmp`, text, rights), false)
  );
  const withdraw = (): void => {
    // Somebody else's may be in its place.
    const ours = `"id":"${id}"`;
    if (place && readSmall(place, isNoDatabase)?.includes(ours)) remove(place);
  };
  return { record, withdraw };
}

/** Whether it is a record, or what a kill left of one; all else stays. */
export function isOurForm(text: string): boolean {
  const json = /^\d{1,10}\n(\{.*)/s.exec(text)?.[1];
  return text === "" ||
    (json !== undefined && FORM.startsWith(json.slice(0, FORM.length)));
}

/** The record in a text of our form; `null` if it is torn. */
export function recordIn(text: string): HolderRecord | null {
  const [digits, json = ""] = text.split("\n");
  const pid = Number(digits);
  const fields = attempt(() => JSON.parse(json), null);
  // A larger one is no PID: kill(2) takes an int.
  if (fields === null || !(pid > 0 && pid <= 0x7fffffff)) return null;
  const { ppid, mode } = fields;
  const words = WORDS.map((key) => {
    const word = fields[key];
    return [key, typeof word === "string" ? printable(word) : null];
  });
  return {
    ...Object.fromEntries(words) as Words,
    pid,
    ppid: typeof ppid === "number" ? ppid : null,
    mode: mode === "exclusive" ? mode : "shared",
  };
}
