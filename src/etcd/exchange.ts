/**
 * One request and its answer: how long it may take, and what it says.
 *
 * @module
 */

import type { Incoming } from "../os/http.ts";
import { Failure, readError, readNetworkError } from "./failure.ts";

/** A JSON object. etcd leaves out what is 0, false or empty. */
export type Json = {
  [key: string]: Json | (Json | string)[] | string | boolean | undefined;
};

/** How long, and until when, an answer is waited for. */
export interface Patience {
  /** For each member, in milliseconds. */
  each: number;
  signal?: AbortSignal | undefined;
}

/** When one exchange ends, and what that means. */
export interface Limit {
  signal: AbortSignal;
  /**
   * Ends with the signal at the latest. Deno 2.9.6 waits for ever for a body
   * whose signal is aborted just when its headers have come.
   */
  race<T>(promise: Promise<T>): Promise<T>;
  explain(endpoint: string, error: unknown): Failure;
  end(): void;
}

/** A signal of its own per request: AbortSignal.any() would pile up. */
export function limited({ each, signal }: Patience): Limit {
  const controller = new AbortController();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    controller.abort();
  }, each);
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
    explain(endpoint, error) {
      if (error instanceof Failure) return error;
      if (!late) return readNetworkError(endpoint, error);
      return new Failure("unreachable", `no answer in ${Math.round(each)} ms`);
    },
    end() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      controller.abort();
    },
  };
}

/** The whole of an answer. */
export async function read(reply: Incoming, limit: Limit): Promise<Json> {
  const text = (await Array.fromAsync(lines(reply.chunks, limit))).join("\n");
  if (reply.status !== 200) throw readError(reply.status, text);
  return parse(text);
}

/** An answer line by line, as it comes. */
export async function* lines(
  chunks: AsyncIterable<Uint8Array>,
  limit: Limit,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const iterator = chunks[Symbol.asyncIterator]();
  let rest = "";
  try {
    for (;;) {
      const step = await limit.race(iterator.next());
      if (step.done) break;
      rest += decoder.decode(step.value, { stream: true });
      const parts = rest.split("\n");
      rest = parts.pop() ?? "";
      yield* parts;
    }
  } finally {
    iterator.return?.().catch(() => {});
  }
  if (rest !== "") yield rest;
}

function parse(text: string): Json {
  try {
    const json = JSON.parse(text);
    if (typeof json === "object" && json !== null) return json;
  } catch {
    // Said below.
  }
  throw new Failure("version", `it said ${JSON.stringify(text.slice(0, 100))}`);
}
