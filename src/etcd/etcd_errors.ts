/**
 * What can go wrong between us and etcd, and what to do about it.
 *
 * @module
 */

import { LitelatchError, UnsupportedError } from "../errors.ts";
import { objectOf, parseObject } from "./json_shapes.ts";
import { printable } from "../printable.ts";

/** How a request failed. */
export type Kind =
  | "unreachable" // this member gave no answer, or has no leader
  | "tls" // no connection that both sides trust
  | "token" // the login has run out
  | "login" // who we are is not known, or may not do this
  | "version" // it answers, but not in etcd's v3
  | "malformed" // it answers what etcd would not
  | "full" // etcd takes no more writes
  | "gone" // there is no such lease
  | "slow" // the lease ran out before all was answered
  | "other"; // it refuses

/** Takes secrets out of a text. */
export type Hide = (text: string) => string;

// What one member said, and what all of them said.
const MOST_SAID = 200;
const MOST_TOLD = 1200;

/** A request that failed, inside of here. */
export class Failure extends Error {
  readonly kind: Kind;

  /** The message becomes fit for a terminal, whoever wrote it. */
  constructor(kind: Kind, message: string) {
    super(printable(message, MOST_TOLD));
    this.name = "Failure";
    this.kind = kind;
  }
}

/** An answer that etcd would not give; `what` quotes nothing of it. */
export function malformed(what: string): Failure {
  return new Failure("malformed", what);
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
export function readError(status: number, text: string, hide: Hide): Failure {
  if (status < 200) return malformed(`it answered ${status}, and then nothing`);
  // To follow it would hand our password to whoever is named there.
  if (status >= 300 && status < 400) {
    return malformed(
      `it answered ${status}, a redirect, which is not followed`,
    );
  }
  const json = parseObject(text);
  const error = objectOf(json?.["error"]) ?? json ?? {};
  const message = error["message"] ?? error["error"];
  // Whoever answers in another format is not etcd's gateway.
  if (typeof message !== "string") {
    const words = `${status} ${quote(text, hide)}`;
    return new Failure(status >= 500 ? "unreachable" : "version", words);
  }
  const code = Number(error["code"] ?? error["grpc_code"] ?? 0);
  const said = printable(hide(message), MOST_SAID);
  if (code === 0 && status >= 500) return new Failure("unreachable", said);
  return new Failure(kindOf(code, said), said);
}

/** What was said instead of what etcd says. */
export function quote(text: string, hide: Hide): string {
  return JSON.stringify(printable(hide(text), 100));
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
  // Of a path that it does not know, the gateway says the same in JSON.
  if (code === NOT_FOUND) return /lease/.test(said) ? "gone" : "version";
  return PASSING.has(code) ? "unreachable" : "other";
}

// Node and Bun name what OpenSSL says, Deno what rustls says.
const ABOUT_TLS =
  /cert|\btls|ssl|issuer|altname|EPROTO|alert|InvalidContentType/i;

// A handshake that breaks off mentions TLS too.
const NOBODY_THERE = /ECONN|reset|refused|disconnected|\beof\b|hang up/i;

/**
 * Reads an error of a request that got no answer. The error itself is not kept
 * as a cause: it quotes names out of certificates as they are.
 */
export function readNetworkError(
  url: string,
  error: unknown,
  hide: Hide,
): Failure {
  const words: string[] = [];
  let cause: unknown = error;
  for (let depth = 0; depth < 5; depth++) {
    // By its shape: in Jest and vm contexts it is an Error of another realm.
    const { code, message, cause: next } = (cause ?? {}) as Partial<
      Record<"code" | "message" | "cause", unknown>
    >;
    if (typeof message !== "string") break;
    if (typeof code === "string" && !message.includes(code)) words.push(code);
    if (message !== "" && message !== "fetch failed") words.push(message);
    cause = next;
  }
  const all = [...new Set(words)].join(": ") || String(error);
  const said = printable(hide(all), MOST_SAID).replace(/[\s.?]+$/, "");
  const tls = url.startsWith("https:") && ABOUT_TLS.test(all) &&
    !NOBODY_THERE.test(all);
  return new Failure(tls ? "tls" : "unreachable", said);
}

/** No member gave an answer. */
export function allFailed(
  failures: { endpoint: string; failure: Failure }[],
): Failure {
  const tls = failures.every(({ failure }) => failure.kind === "tls");
  const each = failures.map(({ endpoint, failure }) =>
    `${endpoint}: ${failure.message}`
  );
  return new Failure(tls ? "tls" : "unreachable", each.join("; "));
}

/** The error that a caller sees. */
export function toPublic(name: string, error: unknown): unknown {
  if (!(error instanceof Failure)) return error;
  const { kind, message } = error;
  const said = `Cannot use etcd for the lease "${printable(name, 200)}": ` +
    `${message}. `;
  if (kind === "version") {
    return new UnsupportedError(
      `${said}It must be etcd 3.4 or newer, with its JSON gateway ` +
        "at /v3/ (--enable-grpc-gateway); check the endpoints and any proxy that " +
        "HTTP_PROXY names (NO_PROXY), or update etcd.",
    );
  }
  const silent = kind === "unreachable" && message.includes("https:");
  const advice = ADVICE[kind] + (silent ? CLOSED : "");
  const seen = new LitelatchError("LITELATCH_ETCD", said + advice);
  // In words: what is read off the class is another name once it is minified.
  seen.name = "LitelatchError";
  return seen;
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
  malformed: "etcd would not say that. Check that the endpoints (http: or " +
    "https:, host, port) are those of etcd itself, and what stands between.",
  full:
    "Compact and defragment etcd, then disarm its alarm: etcdctl compact, " +
    "etcdctl defrag, etcdctl alarm disarm.",
  gone: "The lease has run out in etcd; acquire it again.",
  slow: "Give a longer { ttl }, and see why etcd, or the way to it, is slow.",
  other: "See the logs of etcd.",
};
