/** Checks what a caller asked for, and fills in the defaults. */

import type {
  AdoptOptions,
  LeaseLike,
  LegacyLike,
  LockOptions,
  OpenOptions,
} from "./options.ts";
import { legible } from "./printable.ts";

/** Options with every default filled in; `null` where there is none. */
type Filled<T, K extends keyof T> =
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

/** One of these words. */
export function oneOf(...allowed: string[]): Check {
  const words = allowed.map((word) => `"${word}"`).join(" or ");
  return (value) => allowed.includes(value as string) ? null : words;
}

/** Any value of one type, which is called `name`. */
export function typed(type: string, name: string): Check {
  return (value) => String(typeof value) === type ? null : name;
}

/** Milliseconds, 0 or more. */
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

type Checks = Record<string, Check>;

function locking(): Checks {
  return {
    app: typed("string", "a string"),
    purpose: typed("string", "a string"),
    wait: milliseconds,
    legacy: (value) =>
      typeof (value as Partial<LegacyLike> | null)?.guard === "function"
        ? null
        : "what legacyLocks() made",
  };
}

function adopting(): Checks {
  const aFunction = typed("function", "a function");
  return {
    ...locking(),
    lock: oneOf("shared", "exclusive", "none"),
    onLocked: (value) =>
      typeof value === "function" ? null : oneOf("throw", "warn")(value),
    busyTimeout: whole("milliseconds", INT),
    synchronous: oneOf("normal", "full"),
    journalSizeLimit: whole("bytes"),
    walAutocheckpoint: whole("pages"),
    foreignKeys: typed("boolean", "true or false"),
    heartbeat: (value) =>
      value === false ||
        (typeof value === "number" && value >= 10 && value <= INT)
        ? null
        : `a number of milliseconds from 10 to ${INT}, or false`,
    onWarning: aFunction,
    onWait: aFunction,
  };
}

/** Checks the options of `open`, and fills in the defaults. */
export function openSettings(options: OpenOptions | undefined): Settings {
  const flag = typed("boolean", "true or false");
  return fill("open a database", options, {
    ...adopting(),
    readOnly: flag,
    create: flag,
    exitWithParent: flag,
    lease: (value) =>
      typeof (value as Partial<LeaseLike> | null)?.attach === "function"
        ? null
        : "a lease that acquireLease() gave",
  });
}

/** Checks the options of `adopt`, and fills in the defaults. */
export function adoptSettings(options: AdoptOptions | undefined): Settings {
  return fill("adopt a database", options, adopting());
}

const NOBODY = { app: null, purpose: null, wait: 0, legacy: null };

/** Checks the options of `acquireLock`, and fills in the defaults. */
export function lockSettings(options: LockOptions | undefined): LockSettings {
  const checks = { ...locking(), mode: oneOf("shared", "exclusive") };
  const doing = "acquire a lock";
  return { ...NOBODY, mode: "exclusive", ...check(doing, options, checks) };
}

function fill(
  doing: string,
  options: OpenOptions | undefined,
  checks: Checks,
): Settings {
  return {
    ...NOBODY,
    lock: "shared",
    onLocked: "throw",
    busyTimeout: 5000,
    synchronous: "normal",
    journalSizeLimit: 16 * 1024 * 1024,
    walAutocheckpoint: 1000,
    foreignKeys: true,
    heartbeat: 30_000,
    onWarning: null,
    onWait: null,
    readOnly: false,
    create: true,
    exitWithParent: false,
    lease: null,
    ...check(doing, options, checks),
  };
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
  checks: Checks,
): Partial<T> {
  const refuse = (why: string): never => {
    throw new TypeError(legible(`Cannot ${doing}: ${why}`));
  };
  if (options === undefined) return {};
  if (typeof options !== "object" || options === null) {
    refuse(`the options must be an object, got ${show(options)}`);
  }
  const given: Record<string, unknown> = {};
  for (const name of Object.keys({ ...checks, ...options })) {
    if (!Object.hasOwn(options, name) && name in Object.prototype) continue;
    const value = (options as typeof given)[name];
    if (value === undefined || name === "signal") continue;
    const judge = Object.hasOwn(checks, name) && checks[name];
    if (!judge) {
      const known = Object.keys(checks).join(", ");
      return refuse(`there is no option "${name}", known are ${known}`);
    }
    const wanted = judge(value);
    if (wanted !== null) {
      refuse(`the option "${name}" must be ${wanted}, got ${show(value)}`);
    }
    given[name] = value;
  }
  return given as Partial<T>;
}

function show(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  return Object(value) === value
    ? Object.prototype.toString.call(value)
    : String(value);
}
