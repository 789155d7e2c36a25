/** Checks what a caller asked for, and fills in the defaults. */

import type { AdoptOptions, LockOptions, OpenOptions } from "./options.ts";
import { legible } from "./printable.ts";

/** Options with every default filled in; `null` where there is none. */
export type Filled<T, K extends keyof T> =
  & Required<Omit<T, K>>
  & { [N in K]-?: NonNullable<T[N]> | null };

/** Every option of `open` and `adopt`. */
export type Settings = Filled<
  OpenOptions,
  "app" | "purpose" | "legacy" | "onWarning" | "onWait" | "lease"
>;

/** Every option of `acquireLock`. */
export type LockSettings = Filled<LockOptions, "app" | "purpose" | "legacy">;

/** What is wanted instead of a value; `null` if it is right. */
export type Check = (value: unknown) => string | null;

export function oneOf(...allowed: string[]): Check {
  const words = allowed.map((word) => `"${word}"`).join(" or ");
  return (value) => allowed.includes(value as string) ? null : words;
}

/** Any value of one type, which is called `name`. */
export function typed(type: string, name: string): Check {
  return (value) => String(typeof value) === type ? null : name;
}

export function milliseconds(value: unknown): string | null {
  return typeof value === "number" && value >= 0
    ? null
    : "a number of milliseconds, 0 or more";
}

function whole(unit: string, most = Infinity): Check {
  const range = most < Infinity ? ` from 0 to ${most}` : ", 0 or more";
  return (value) =>
    Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= most
      ? null
      : `a whole number of ${unit}${range}`;
}

// SQLite and timers keep milliseconds in an int:
// https://sqlite.org/c3ref/busy_timeout.html
const INT = 0x7fffffff;

/** An object with this method, which is called `name`. */
function having(method: string, name: string): Check {
  return (value) => typeof Object(value)[method] === "function" ? null : name;
}

/** Of each option the default, and what it must be. */
type Known = Record<string, readonly [filledIn: unknown, must: Check]>;

function locking(): Known {
  const aString = typed("string", "a string");
  return {
    app: [null, aString],
    purpose: [null, aString],
    wait: [0, milliseconds],
    legacy: [null, having("guard", "what legacyLocks() made")],
  };
}

function opening(): Known {
  const aFunction = typed("function", "a function");
  const flag = typed("boolean", "true or false");
  return {
    ...locking(),
    lock: ["shared", oneOf("shared", "exclusive", "none")],
    onLocked: [
      "throw",
      (value) =>
        typeof value === "function" ? null : oneOf("throw", "warn")(value),
    ],
    busyTimeout: [5000, whole("milliseconds", INT)],
    synchronous: ["normal", oneOf("normal", "full")],
    journalSizeLimit: [16 * 1024 * 1024, whole("bytes")],
    walAutocheckpoint: [1000, whole("pages", INT)],
    foreignKeys: [true, flag],
    heartbeat: [30_000, (value) =>
      value === false ||
        (typeof value === "number" && value >= 10 && value <= INT)
        ? null
        : `a number of milliseconds from 10 to ${INT}, or false`],
    onWarning: [null, aFunction],
    onWait: [null, aFunction],
    readOnly: [false, flag],
    create: [true, flag],
    exitWithParent: [false, flag],
    lease: [null, having("attach", "a lease that acquireLease() gave")],
  };
}

export function openSettings(options: OpenOptions | undefined): Settings {
  return fill("open a database", options, opening());
}

export function adoptSettings(options: AdoptOptions | undefined): Settings {
  const others = ["readOnly", "create", "exitWithParent", "lease"];
  return fill("adopt a database", options, opening(), others);
}

export function lockSettings(options: LockOptions | undefined): LockSettings {
  const mode = ["exclusive", oneOf("shared", "exclusive")] as const;
  return fill("acquire a lock", options, { ...locking(), mode });
}

/** @param others Cannot be asked for here, and have their defaults. */
function fill<T>(
  doing: string,
  options: object | undefined,
  known: Known,
  others: readonly string[] = [],
): T {
  const filled: Record<string, unknown> = {};
  const checks: Record<string, Check> = {};
  for (const [name, [filledIn, must]] of Object.entries(known)) {
    filled[name] = filledIn;
    if (!others.includes(name)) checks[name] = must;
  }
  return Object.assign(filled, check(doing, options, checks)) as T;
}

/**
 * Checks options by name and value. They may be inherited, or come from a
 * getter; but what others put on Object.prototype is no option.
 *
 * @param doing What cannot be done otherwise, for the sentence.
 * @returns Those that are given, without the `signal`.
 * @throws {TypeError} If one is misspelt or wrong.
 */
export function check<T extends object>(
  doing: string,
  options: T | undefined,
  checks: Record<string, Check>,
): Partial<T> {
  const refuse = (why: string): never => {
    throw new TypeError(legible(`Cannot ${doing}: ${why}`));
  };
  if (options === undefined) return {};
  if (typeof options !== "object" || options === null) {
    refuse(`the options must be an object, got ${show(options)}`);
  }
  const signal = having("throwIfAborted", "an AbortSignal");
  const all: typeof checks = { ...checks, signal };
  const given: Record<string, unknown> = {};
  for (const name of Object.keys({ ...all, ...options })) {
    if (!Object.hasOwn(options, name) && name in Object.prototype) continue;
    const value = (options as typeof given)[name];
    if (value === undefined) continue;
    const judge = Object.hasOwn(all, name) && all[name];
    if (!judge) {
      const known = Object.keys(checks).join(", ") || "signal";
      return refuse(`there is no option "${name}", known are ${known}`);
    }
    const wanted = judge(value);
    if (wanted !== null) {
      refuse(`the option "${name}" must be ${wanted}, got ${show(value)}`);
    }
    if (name !== "signal") given[name] = value;
  }
  return given as Partial<T>;
}

function show(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  return Object(value) === value
    ? Object.prototype.toString.call(value)
    : String(value);
}
