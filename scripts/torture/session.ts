/**
 * What one run needs around the storms: a folder, and warm caches.
 *
 * @module
 */

import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endChildren, setCommon } from "./children.ts";
import { atEnd, cleanUp } from "./cleanup.ts";
import { type Plan, type Result, run } from "./run.ts";

/** Runs the storms in a folder of their own, which stays if one fails. */
export async function torture(plan: Omit<Plan, "folder">): Promise<Result[]> {
  const folder = realpathSync(
    mkdtempSync(join(tmpdir(), "litelatch-torture-")),
  );
  const remove = atEnd(() =>
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  );
  // Other users take part in some storms.
  chmodSync(folder, 0o755);
  const cache = join(folder, "cache");
  mkdirSync(cache);
  chmodSync(cache, 0o777);
  // Node 24 starts a TypeScript program in 80 ms with it, in 330 ms without.
  setCommon("NODE_COMPILE_CACHE", cache);
  try {
    return await run({ ...plan, folder });
  } finally {
    await endChildren();
    rmSync(cache, { recursive: true, force: true });
    if (readdirSync(folder).length === 0) remove();
  }
}

/** Ends all at once, and leaves nothing behind. */
export function abandon(): void {
  void endChildren();
  cleanUp();
}
