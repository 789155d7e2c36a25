/**
 * What can be asked of a lease, checked and filled in.
 *
 * @module
 */

import type { LockMode } from "../options.ts";
import { attempt } from "../os/builtin.ts";
import { check, type Filled, milliseconds, oneOf, typed } from "../settings.ts";

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
   * does not answer, the next is asked. User and password in a URL are the
   * same as {@linkcode LeaseOptions.auth}.
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
  /**
   * How long to wait, in milliseconds. 0, the default, refuses at once. The
   * call ends at most 6 s after that, however slowly etcd answers.
   */
  wait?: number;
  /** Ends the wait. */
  signal?: AbortSignal;
  /** User and password, where etcd asks for them. */
  auth?: LeaseAuth;
  /** Certificates, where `https:` needs other than the system's. */
  tls?: LeaseTls;
}

/** The same with every default; `endpoints` are without user and password. */
export type LeaseSettings =
  & Filled<
    Omit<LeaseOptions, "ttl">,
    "app" | "purpose" | "signal" | "auth" | "tls"
  >
  & { ttlSeconds: number };

const DOING = "acquire a lease";
const DEFAULT_TTL = 15_000;

// etcd's own limit, lease.MaxLeaseTTL, is 9 000 000 000 s; a timer's is 2^31 ms.
const LONGEST_TTL = 86_400_000;

const aText = typed("string", "a string");

const CHECKS = {
  mode: oneOf("shared", "exclusive"),
  app: aText,
  purpose: aText,
  ttl: (value: unknown) =>
    typeof value === "number" && value >= 1000 && value <= LONGEST_TTL
      ? null
      : `a number of milliseconds from 1000 to ${LONGEST_TTL}`,
  wait: milliseconds,
  // These may hold passwords and keys, and are checked without showing them.
  endpoints: () => null,
  auth: () => null,
  tls: () => null,
};

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
  const { signal, tls } = options ?? {};
  // By its shape: a test environment may have put another class in its place.
  if (signal !== undefined && typeof signal?.throwIfAborted !== "function") {
    throw wrong("signal", "an AbortSignal", signal);
  }
  const urls = urlsOf(options?.endpoints);
  return {
    endpoints: urls.map(({ origin, pathname }) =>
      `${origin}${pathname}`.replace(/\/+$/, "")
    ),
    mode: options.mode ?? "exclusive",
    app: options.app ?? null,
    purpose: options.purpose ?? null,
    ttlSeconds: Math.ceil((options.ttl ?? DEFAULT_TTL) / 1000),
    wait: options.wait ?? 0,
    signal: signal ?? null,
    auth: authOf(options.auth, urls),
    tls: tlsOf(tls),
  };
}

function urlsOf(value: unknown): URL[] {
  const wanted = "a list of http: or https: URLs";
  if (!Array.isArray(value) || value.length === 0) {
    throw wrong("endpoints", wanted, value);
  }
  return value.map((text: unknown) => {
    const url = typeof text === "string" ? URL.parse(text) : null;
    if (url === null || !/^https?:$/.test(url.protocol)) {
      throw wrong("endpoints", wanted, value);
    }
    if (url.search !== "" || url.hash !== "") {
      throw wrong("endpoints", `${wanted} without ? and #`, value);
    }
    return url;
  });
}

/**
 * `fetch` of Node and Deno refuses a URL with a password, and its error quotes
 * it. Who writes one means the user of etcd.
 */
function authOf(auth: unknown, urls: URL[]): LeaseAuth | null {
  const found = auth === undefined ? [] : [userOf(auth)];
  for (const { username, password } of urls) {
    if (username === "" && password === "") continue;
    found.push({ user: decoded(username), password: decoded(password) });
  }
  const [first = null, ...others] = found;
  if (
    others.some(({ user, password }) =>
      user !== first?.user || password !== first.password
    )
  ) {
    throw wrong("endpoints", "URLs of one user, the same as in auth", []);
  }
  return first;
}

function userOf(auth: unknown): LeaseAuth {
  if (typeof auth === "object" && auth !== null) {
    const { user, password } = auth as Partial<LeaseAuth>;
    if (typeof user === "string" && typeof password === "string") {
      return { user, password };
    }
  }
  throw wrong("auth", "{ user, password }", auth);
}

function decoded(text: string): string {
  return attempt(() => decodeURIComponent(text), text);
}

function tlsOf(tls: unknown): LeaseTls | null {
  if (tls === undefined) return null;
  const isRight = typeof tls === "object" && tls !== null &&
    Object.values(tls).every((pem) => typeof pem === "string");
  if (!isRight) throw wrong("tls", "{ ca, cert, key }", tls);
  check(DOING, tls as object, { ca: aText, cert: aText, key: aText });
  return tls as LeaseTls;
}

/** Tells of what kind a value is, and nothing more of it. */
function wrong(option: string, wanted: string, value: unknown): TypeError {
  const got = value === undefined
    ? "none"
    : Object.prototype.toString.call(value);
  return new TypeError(
    `Cannot ${DOING}: the option "${option}" must be ${wanted}, got ${got}`,
  );
}
