/** Checks what a caller asked for, and fills in the defaults. */

import type {
  AdoptOptions,
  LeaseLike,
  LegacyLike,
  LockOptions,
  OpenOptions,
} from "./options.ts";

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

/** Any string. */
export function aText(value: unknown): string | null {
  return typeof value === "string" ? null : "a string";
}

/** Milliseconds, 0 or more. */
export function milliseconds(value: unknown): string | null {
  return typeof value === "number" && value >= 0
    ? null
    : "a number of milliseconds, 0 or more";
}

function flag(value: unknown): string | null {
  return typeof value === "boolean" ? null : "true or false";
}

function aFunction(value: unknown): string | null {
  return typeof value === "function" ? null : "a function";
}

function whole(unit: string, range: string, most: number): Check {
  return (value) =>
    Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= most
      ? null
      : `a whole number of ${unit}${range}`;
}

// SQLite and timers keep milliseconds in an int:
// https://sqlite.org/c3ref/busy_timeout.html
const INT = 0x7fffffff;
const SAFE = Number.MAX_SAFE_INTEGER;

type Checks = Record<string, Check>;

function locking(): Checks {
  return {
    app: aText,
    purpose: aText,
    wait: milliseconds,
    legacy: (value) =>
      typeof (value as Partial<LegacyLike> | null)?.guard === "function"
        ? null
        : "what legacyLocks() of @litelatch/litelatch/legacy makes",
  };
}

function adopting(): Checks {
  return {
    ...locking(),
    lock: oneOf("shared", "exclusive", "none"),
    onLocked: (value) =>
      typeof value === "function" ? null : oneOf("throw", "warn")(value),
    busyTimeout: whole("milliseconds", ` from 0 to ${INT}`, INT),
    synchronous: oneOf("normal", "full"),
    journalSizeLimit: whole("bytes", ", 0 or more", SAFE),
    walAutocheckpoint: whole("pages", ", 0 or more", SAFE),
    foreignKeys: flag,
    heartbeat: (value) =>
      value === false ||
        (typeof value === "number" && value >= 10 && value <= INT)
        ? null
        : "a number of milliseconds, 10 or more, or false",
    onWarning: aFunction,
    onWait: aFunction,
  };
}

/** Checks the options of `open`, and fills in the defaults. */
export function openSettings(options: OpenOptions | undefined): Settings {
  return fill("open a database", options, {
    ...adopting(),
    readOnly: flag,
    create: flag,
    exitWithParent: flag,
    lease: isLease,
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
  check("acquire a lock", options, checks);
  return { ...NOBODY, mode: "exclusive", ...given(options) };
}

function fill(
  doing: string,
  options: OpenOptions | undefined,
  checks: Checks,
): Settings {
  check(doing, options, checks);
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
    ...given(options),
  };
}

/** Without what is `undefined`, and without the `signal`. */
function given<T extends object>(options: T | undefined): Partial<T> {
  return Object.fromEntries(
    Object.entries(options ?? {})
      .filter(([name, value]) => value !== undefined && name !== "signal"),
  ) as Partial<T>;
}

/**
 * Checks options by name and value.
 *
 * @param doing What cannot be done otherwise, for the sentence.
 * @throws {TypeError} If one is misspelt or wrong.
 */
export function check(
  doing: string,
  options: object | undefined,
  checks: Checks,
): void {
  const refuse = (why: string): never => {
    throw new TypeError(`Cannot ${doing}: ${why}`);
  };
  if (options === undefined) return;
  if (typeof options !== "object" || options === null) {
    refuse(`the options must be an object, got ${show(options)}`);
  }
  for (const [name, value] of Object.entries(given(options))) {
    if (!Object.hasOwn(checks, name)) {
      const known = Object.keys(checks).join(", ");
      refuse(`there is no option "${name}", known are ${known}`);
    }
    const wanted = checks[name]?.(value) ?? null;
    if (wanted !== null) {
      refuse(`the option "${name}" must be ${wanted}, got ${show(value)}`);
    }
  }
}

/** By its shape: what keeps a lease is no part of the core. */
function isLease(value: unknown): string | null {
  const { path, mode, held, fence } = (value ?? {}) as Partial<LeaseLike>;
  const isFence = typeof fence === "bigint" || Number.isSafeInteger(fence);
  return typeof path === "string" && typeof held === "boolean" && isFence &&
      (mode === "shared" || mode === "exclusive")
    ? null
    : "a lease that acquireLease() gave";
}

function show(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  return value !== null && typeof value === "object"
    ? Object.prototype.toString.call(value)
    : String(value);
}
