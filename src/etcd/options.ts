/**
 * What can be asked of a lease, checked and filled in.
 *
 * @module
 */

import type { LockMode } from "../options.ts";
import { check, milliseconds, oneOf, text } from "../settings.ts";

/** A user of etcd. */
export interface LeaseAuth {
  /** Its name. */
  user: string;
  /** Its password. */
  password: string;
}

/** Certificates for `https:` endpoints, as PEM text. */
export interface LeaseTls {
  /** Who signed etcd's certificate, if the system does not know them. */
  ca?: string;
  /** Our own certificate, where etcd asks for one. */
  cert?: string;
  /** The key of our own certificate. */
  key?: string;
}

/** What {@linkcode acquireLease} can be asked for. */
export interface LeaseOptions {
  /**
   * Where etcd is: `http:` or `https:` URLs, best all of its members. When one
   * does not answer, the next is asked.
   */
  endpoints: string[];
  /** Exclusive by default. */
  mode?: LockMode;
  /** The name of the program, shown to whoever is refused. */
  app?: string;
  /** What the lease is held for, shown to whoever is refused. */
  purpose?: string;
  /**
   * How long the lease outlives a holder that is gone, in milliseconds;
   * rounded up to seconds. Default 15 000. It is renewed every third of that.
   */
  ttl?: number;
  /** How long to wait, in milliseconds. 0, the default, refuses at once. */
  wait?: number;
  /** Ends the wait. */
  signal?: AbortSignal;
  /** User and password, where etcd asks for them. */
  auth?: LeaseAuth;
  /** Certificates, where `https:` needs other than the system's. */
  tls?: LeaseTls;
}

/** The same, with every default filled in. */
export interface LeaseSettings {
  /** Without a slash at the end. */
  endpoints: string[];
  mode: LockMode;
  app: string | null;
  purpose: string | null;
  ttlSeconds: number;
  wait: number;
  signal: AbortSignal | null;
  auth: LeaseAuth | null;
  tls: LeaseTls | null;
}

const DOING = "acquire a lease";
const DEFAULT_TTL = 15_000;

// etcd's own limit, lease.MaxLeaseTTL, is 9 000 000 000 s; a timer's is 2^31 ms.
const LONGEST_TTL = 86_400_000;

const CHECKS = {
  endpoints: (value: unknown) => areEndpoints(value) ? null : ENDPOINTS,
  mode: oneOf("shared", "exclusive"),
  app: text,
  purpose: text,
  ttl: (value: unknown) =>
    typeof value === "number" && value >= 1000 && value <= LONGEST_TTL
      ? null
      : `a number of milliseconds from 1000 to ${LONGEST_TTL}`,
  wait: milliseconds,
  auth: (value: unknown) =>
    hasTexts(value, ["user", "password"]) ? null : "{ user, password }",
  tls: (value: unknown) =>
    hasTexts(value, Object.keys(value ?? {})) ? null : "{ ca, cert, key }",
};
const ENDPOINTS = "a list of http: or https: URLs";

/** Checks the name and the options, and fills in the defaults. */
export function leaseSettings(
  name: string,
  options: LeaseOptions,
): LeaseSettings {
  if (
    typeof name !== "string" || name === "" || /[\uD800-\uDFFF]/u.test(name)
  ) {
    throw new TypeError(
      `Cannot ${DOING}: the name must be a text that is not empty`,
    );
  }
  check(DOING, options, CHECKS);
  if (options?.endpoints === undefined) {
    throw new TypeError(
      `Cannot ${DOING}: the option "endpoints" must be ${ENDPOINTS}, got none`,
    );
  }
  if (options.tls !== undefined) {
    check(DOING, options.tls, { ca: text, cert: text, key: text });
  }
  return {
    endpoints: options.endpoints.map((url) => url.replace(/\/+$/, "")),
    mode: options.mode ?? "exclusive",
    app: options.app ?? null,
    purpose: options.purpose ?? null,
    ttlSeconds: Math.ceil((options.ttl ?? DEFAULT_TTL) / 1000),
    wait: options.wait ?? 0,
    signal: options.signal ?? null,
    auth: options.auth ?? null,
    tls: options.tls ?? null,
  };
}

function areEndpoints(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 &&
    value.every((url) =>
      typeof url === "string" && URL.canParse(url) &&
      /^https?:$/.test(new URL(url).protocol)
    );
}

function hasTexts(value: unknown, names: string[]): boolean {
  return typeof value === "object" && value !== null &&
    names.every((name) =>
      typeof (value as Record<string, unknown>)[name] === "string"
    );
}
