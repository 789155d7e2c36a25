/**
 * Reads the text of an answer, as far as it may be long.
 *
 * @module
 */

import type { Incoming } from "../os/http.ts";
import { malformed } from "./etcd_errors.ts";
import type { TimeLimit } from "./time_limit.ts";

/** No answer that we ask for is nearly as long. */
const MOST_BYTES = 1024 * 1024;

/** The text of a whole answer. */
export async function readText(
  reply: Incoming,
  limit: TimeLimit,
): Promise<string> {
  return (await Array.fromAsync(pieces(reply, limit, MOST_BYTES))).join("");
}

/** An answer line by line, as it comes. */
export async function* lines(
  reply: Incoming,
  limit: TimeLimit,
  most: number,
): AsyncGenerator<string> {
  let begun: string[] = [];
  for await (const piece of pieces(reply, limit, most)) {
    // Only what is new is searched for line ends, or many small pieces would
    // take the square of their number.
    const [first = "", ...others] = piece.split("\n");
    begun.push(first);
    const next = others.pop();
    if (next === undefined) continue;
    yield begun.join("");
    yield* others;
    begun = [next];
  }
  const last = begun.join("");
  if (last !== "") yield last;
}

async function* pieces(
  { chunks, encoding }: Incoming,
  limit: TimeLimit,
  most: number,
): AsyncGenerator<string> {
  const iterator = chunks[Symbol.asyncIterator]();
  const decoder = new TextDecoder();
  let bytes = 0;
  try {
    // A kilobyte may stand for a gigabyte, and nobody was asked to save any.
    if (encoding !== null && encoding !== "identity") {
      throw malformed("its answer is compressed");
    }
    for (;;) {
      const step = await limit.race(iterator.next());
      if (step.done) break;
      bytes += step.value.length;
      if (bytes > most) {
        throw malformed(`its answer is longer than ${most} B`);
      }
      yield decoder.decode(step.value, { stream: true });
    }
    yield decoder.decode();
  } finally {
    iterator.return?.().catch(() => {});
  }
}
