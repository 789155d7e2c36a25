/**
 * Checks what a caller asked for, and fills in the defaults.
 *
 * @module
 */

import type {
  AdoptOptions,
  LeaseLike,
  LockMode,
  LockOptions,
  OpenOptions,
} from "./options.ts";
import { suggestion } from "./spelling.ts";

/** Every option of `open` and `adopt`, with its default filled in. */
export type Settings =
  & Required<Omit<OpenOptions, "app" | "purpose" | "onWarning" | "lease">>
  & {
    app: string | null;
    purpose: string | null;
    lease: LeaseLike | null;
    onWarning: ((message: string) => void) | null;
  };

/** Every option of `acquireLock`, with its default filled in. */
export interface LockSettings {
  mode: LockMode;
  app: string | null;
  purpose: string | null;
  wait: number;
  legacy: readonly (string | URL)[];
}

/** What is wanted instead of a value; `null` if it is right. */
export type Check = (value: unknown) => string | null;

/** One of these words. */
export function oneOf(...allowed: string[]): Check {
  return (value) =>
    allowed.includes(value as string)
      ? null
      : allowed.map((word) => `"${word}"`).join(" or ");
}
/** Any string. */
export function text(value: unknown): string | null {
  return typeof value === "string" ? null : "a string";
}
const flag: Check = (value) =>
  typeof value === "boolean" ? null : "true or false";
/** Milliseconds, 0 or more. */
export function milliseconds(value: unknown): string | null {
  return typeof value === "number" && value >= 0
    ? null
    : "a number of milliseconds, 0 or more";
}
const whole = (unit: string, least: number): Check => (value) =>
  Number.isSafeInteger(value) && (value as number) >= least
    ? null
    : `a whole number of ${unit}, ${least} or more`;
const callable: Check = (value) =>
  typeof value === "function" ? null : "a function";

const pathList: Check = (value) =>
  Array.isArray(value) &&
    value.every((path) => typeof path === "string" || path instanceof URL)
    ? null
    : "a list of paths";

const LOCK_CHECKS: Record<string, Check> = {
  mode: oneOf("shared", "exclusive"),
  app: text,
  purpose: text,
  wait: milliseconds,
  legacy: pathList,
};

const ADOPT_CHECKS: Record<string, Check> = {
  app: text,
  purpose: text,
  lock: oneOf("shared", "exclusive", "none"),
  wait: milliseconds,
  legacy: pathList,
  onLocked: (value) =>
    typeof value === "function" ? null : oneOf("throw", "warn")(value),
  // SQLite keeps the timeout in an int: https://sqlite.org/c3ref/busy_timeout.html
  busyTimeout: (value) =>
    Number.isSafeInteger(value) && (value as number) >= 0 &&
      (value as number) <= 0x7fffffff
      ? null
      : "a whole number of milliseconds from 0 to 2147483647",
  synchronous: oneOf("normal", "full"),
  journalSizeLimit: whole("bytes", 0),
  walAutocheckpoint: whole("pages", 0),
  foreignKeys: flag,
  heartbeat: (value) =>
    value === false || (typeof value === "number" && value >= 10 &&
        value <= 0x7fffffff)
      ? null
      : "a number of milliseconds, 10 or more, or false",
  onWarning: callable,
};

const OPEN_CHECKS: Record<string, Check> = {
  ...ADOPT_CHECKS,
  readOnly: flag,
  create: flag,
  exitWithParent: flag,
  lease: (value) => isLease(value) ? null : "a lease that acquireLease() gave",
  fencing: flag,
};

/** Checks the options of `open`, and fills in the defaults. */
export function openSettings(options: OpenOptions | undefined): Settings {
  const settings = settle("open a database", options, OPEN_CHECKS);
  if (settings.fencing && settings.lease?.mode !== "exclusive") {
    throw new TypeError(
      `Cannot open a database: the option "fencing" needs an exclusive "lease"` +
        `, got ${settings.lease === null ? "none" : "a shared one"}`,
    );
  }
  return settings;
}

/** Checks the options of `adopt`, and fills in the defaults. */
export function adoptSettings(options: AdoptOptions | undefined): Settings {
  return settle("adopt a database", options, ADOPT_CHECKS);
}

/** Checks the options of `acquireLock`, and fills in the defaults. */
export function lockSettings(options: LockOptions | undefined): LockSettings {
  check("acquire a lock", options, LOCK_CHECKS);
  return {
    mode: options?.mode ?? "exclusive",
    app: options?.app ?? null,
    purpose: options?.purpose ?? null,
    wait: options?.wait ?? 0,
    legacy: options?.legacy ?? [],
  };
}

function settle(
  doing: string,
  options: OpenOptions | undefined,
  checks: Record<string, Check>,
): Settings {
  check(doing, options, checks);
  return {
    app: options?.app ?? null,
    purpose: options?.purpose ?? null,
    lock: options?.lock ?? "shared",
    wait: options?.wait ?? 0,
    legacy: options?.legacy ?? [],
    onLocked: options?.onLocked ?? "throw",
    busyTimeout: options?.busyTimeout ?? 5000,
    synchronous: options?.synchronous ?? "normal",
    journalSizeLimit: options?.journalSizeLimit ?? 16 * 1024 * 1024,
    walAutocheckpoint: options?.walAutocheckpoint ?? 1000,
    foreignKeys: options?.foreignKeys ?? true,
    heartbeat: options?.heartbeat ?? 30_000,
    onWarning: options?.onWarning ?? null,
    readOnly: options?.readOnly ?? false,
    create: options?.create ?? true,
    exitWithParent: options?.exitWithParent ?? false,
    lease: options?.lease ?? null,
    fencing: options?.fencing ?? false,
  };
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
  checks: Record<string, Check>,
): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `Cannot ${doing}: the options must be an object, got ${show(options)}`,
    );
  }
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || name === "signal") continue;
    if (!Object.hasOwn(checks, name)) {
      throw new TypeError(
        `Cannot ${doing}: there is no option "${name}"${
          suggestion(name, Object.keys(checks))
        }`,
      );
    }
    const wanted = checks[name]?.(value) ?? null;
    if (wanted !== null) {
      throw new TypeError(
        `Cannot ${doing}: the option "${name}" must be ${wanted}, got ${
          show(value)
        }`,
      );
    }
  }
}

// By its shape: what keeps a lease is no part of the core.
function isLease(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { path, mode, held, fence } = value as Partial<LeaseLike>;
  const isFence = typeof fence === "bigint" || Number.isSafeInteger(fence);
  return typeof path === "string" && typeof held === "boolean" && isFence &&
    (mode === "shared" || mode === "exclusive");
}

function show(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  return value !== null && typeof value === "object"
    ? Object.prototype.toString.call(value)
    : String(value);
}
