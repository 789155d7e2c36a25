/**
 * How long one request may take, with its answer.
 *
 * @module
 */

import { now } from "../os/clock.ts";
import { Failure, type Hide, readNetworkError } from "./etcd_errors.ts";

/** How long, and until when, an answer is waited for. */
export interface Patience {
  /** For each member, in milliseconds. */
  each: number;
  /** For all members together, by the steady clock. */
  until?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** When one exchange ends, and what that means. */
export interface TimeLimit {
  signal: AbortSignal;
  /**
   * Ends with the signal at the latest. Deno 2.9.6 waits for ever for a body
   * whose signal is aborted just when its headers have come.
   */
  race<T>(promise: Promise<T>): Promise<T>;
  /** What an error of the exchange means. */
  explain(endpoint: string, error: unknown, hide: Hide): Failure;
  end(): void;
}

/**
 * Limits one exchange from its first byte to its last, so an answer that
 * trickles is cut as well. Each has a signal of its own, because what
 * `AbortSignal.any()` makes piles up.
 */
export function limited({ each, until, signal }: Patience): TimeLimit {
  const rest = until === undefined ? each : until - now();
  const ms = Math.max(0, Math.min(each, rest));
  const controller = new AbortController();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    controller.abort();
  }, ms);
  const abort = (): void => controller.abort(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  const ended = new Promise<never>((_, reject) => {
    controller.signal.addEventListener("abort", () => {
      reject(controller.signal.reason);
    }, { once: true });
  });
  ended.catch(() => {}); // It may be that nobody races any more.
  if (signal?.aborted) abort();
  return {
    signal: controller.signal,
    race: (promise) => Promise.race([promise, ended]),
    explain(endpoint, error, hide) {
      if (error instanceof Failure) return error;
      if (!late) return readNetworkError(endpoint, error, hide);
      return new Failure("unreachable", `no answer in ${Math.round(ms)} ms`);
    },
    end() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      controller.abort();
    },
  };
}

/** For one of so many members: a silent one leaves time for the others. */
export function shareOf(patience: Patience, members: number): Patience {
  const { each, until } = patience;
  if (until === undefined) return patience;
  return { ...patience, each: Math.min(each, (until - now()) / members) };
}

/** Waits for so long, or until the signal is aborted. */
export function pause(
  ms: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, Math.max(0, ms));
    signal?.addEventListener("abort", done, { once: true });
    if (signal?.aborted) done();
  });
}
