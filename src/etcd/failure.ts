/**
 * What can go wrong between us and etcd, and what to do about it.
 *
 * @module
 */

import { LitelatchError, UnsupportedError } from "../errors.ts";

/**
 * - `unreachable`: this member gave no answer, or has no leader
 * - `tls`: no connection that both sides trust
 * - `token`: the login has run out
 * - `login`: who we are is not known, or may not do this
 * - `version`: it answers, but not in etcd's v3
 * - `full`: etcd takes no more writes
 * - `gone`: there is no such lease
 * - `other`: it refuses
 */
export type Kind =
  | "unreachable"
  | "tls"
  | "token"
  | "login"
  | "version"
  | "full"
  | "gone"
  | "other";

/** A request that failed, inside of here. */
export class Failure extends Error {
  readonly kind: Kind;

  constructor(kind: Kind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "Failure";
    this.kind = kind;
  }
}

/** Whether another member, or this one later, may well answer. */
export function isPassing(error: unknown): boolean {
  return error instanceof Failure && error.kind === "unreachable";
}

/** Whether the lease has run out in etcd, or was revoked. */
export function isGone(error: unknown): boolean {
  return error instanceof Failure && error.kind === "gone";
}

// https://grpc.github.io/grpc/core/md_doc_statuscodes.html
const PASSING = new Set([1, 2, 4, 8, 14]);
const [NOT_FOUND, DENIED, UNAUTHENTICATED] = [5, 7, 16];

/** Reads an error of etcd's gateway; the fields moved between versions. */
export function readError(status: number, text: string): Failure {
  let said = text.trim().slice(0, 200);
  let code = 0;
  try {
    const parsed = JSON.parse(text);
    const error = typeof parsed.error === "object" ? parsed.error : parsed;
    said = String(error.message ?? error.error);
    code = Number(error.code ?? error.grpc_code ?? 0);
  } catch {
    // Whoever answered in another format is not etcd's gateway.
    if (status === 404) return new Failure("version", said);
    if (status >= 500) return new Failure("unreachable", `${status} ${said}`);
    return new Failure("version", `${status} ${said}`);
  }
  return new Failure(kindOf(code, said), said);
}

function kindOf(code: number, said: string): Kind {
  if (/invalid auth token|revision of auth store is old/.test(said)) {
    return "token";
  }
  if (
    /user name is empty|authentication (?:failed|is not enabled)/.test(said)
  ) {
    return "login";
  }
  if (/database space exceeded/.test(said)) return "full";
  if (code === UNAUTHENTICATED) return "token";
  if (code === DENIED) return "login";
  if (code === NOT_FOUND) return "gone";
  return PASSING.has(code) ? "unreachable" : "other";
}

// Node and Bun name what OpenSSL says, Deno what rustls says.
const ABOUT_TLS =
  /cert|\btls|ssl|issuer|altname|EPROTO|alert|InvalidContentType/i;

// A handshake that breaks off mentions TLS too.
const NOBODY_THERE = /ECONN|reset|refused|disconnected|\beof\b|hang up/i;

/** Reads an error of a request that got no answer. */
export function readNetworkError(url: string, error: unknown): Failure {
  const words: string[] = [];
  let cause: unknown = error;
  for (let depth = 0; depth < 5 && cause instanceof Error; depth++) {
    const { code } = cause as { code?: unknown };
    if (typeof code === "string" && !cause.message.includes(code)) {
      words.push(code);
    }
    if (cause.message !== "" && cause.message !== "fetch failed") {
      words.push(cause.message);
    }
    cause = cause.cause;
  }
  const said = ([...new Set(words)].join(": ") || String(error))
    .replace(/\s+/g, " ").replace(/[\s.?]+$/, "");
  const tls = url.startsWith("https:") && ABOUT_TLS.test(said) &&
    !NOBODY_THERE.test(said);
  return new Failure(tls ? "tls" : "unreachable", said, { cause: error });
}

/** No member gave an answer. */
export function allFailed(
  failures: { endpoint: string; failure: Failure }[],
): Failure {
  const tls = failures.every(({ failure }) => failure.kind === "tls");
  const each = failures.map(({ endpoint, failure }) =>
    `${endpoint}: ${failure.message}`
  );
  return new Failure(tls ? "tls" : "unreachable", each.join("; "), {
    cause: failures[0]?.failure,
  });
}

/** The error that a caller sees. */
export function toPublic(name: string, error: unknown): unknown {
  if (!(error instanceof Failure)) return error;
  const said = `Cannot use etcd for the lease "${name}": ${error.message}. `;
  const options = { cause: error };
  if (error.kind === "version") {
    const words = said +
      "It must be etcd 3.4 or newer, with its JSON gateway " +
      "at /v3/ (--enable-grpc-gateway); check the endpoints, or update etcd.";
    return new UnsupportedError(words, options);
  }
  const silent = error.kind === "unreachable" && said.includes("https:");
  const advice = ADVICE[error.kind] + (silent ? CLOSED : "");
  return new LitelatchError("LITELATCH_ETCD", said + advice, options);
}

// The alert that says so may be overtaken by the end of the connection.
const CLOSED = " Where it asks for a client certificate it may close the " +
  "connection instead of saying so: then give { tls: { cert, key } }.";

const LOGIN = "Give { auth: { user, password } } of a user whose role may " +
  "read and write the prefix litelatch/ (etcdctl role grant-permission).";

const ADVICE: Record<Exclude<Kind, "version">, string> = {
  unreachable: "Check that etcd runs, that most of its members see each " +
    "other, and that the endpoints (http: or https:, host, port) and the " +
    "firewall are right.",
  tls: "Give etcd's authority as { tls: { ca } }, and { cert, key } where it " +
    "asks for a client certificate; the certificate must name the host of " +
    "the endpoint, and be in date.",
  token: LOGIN,
  login: LOGIN,
  full:
    "Compact and defragment etcd, then disarm its alarm: etcdctl compact, " +
    "etcdctl defrag, etcdctl alarm disarm.",
  gone: "The lease has run out in etcd; acquire it again.",
  other: "See the logs of etcd.",
};
