import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { acquireLock, acquireLockAsync, open } from "../../mod.ts";
import { legacyLocks } from "../../src/legacy/mod.ts";
import { inFolder } from "../fixtures/folder.ts";

const REFUSAL = /Cannot lock .*b": a legacy path must guard one lock, .*a" /;

/** That the place is ours until the lock is let go, and nobody's then. */
function assertKept(path: string, lock: { release(): void }): void {
  assert.equal(readFileSync(path, "utf8"), `${process.pid}\n\n`);
  lock.release();
  assert.equal(existsSync(path), false);
}

test(
  "a legacy path that guards a lock of this thread guards no second one",
  inFolder((folder) => {
    const path = join(folder, "old.pid");
    const legacy = legacyLocks(path);
    const first = acquireLock(join(folder, "a"), { legacy });
    for (const spelling of [path, `${folder}/./old.pid`]) {
      const legacy = legacyLocks(spelling);
      const second = () => acquireLock(join(folder, "b"), { legacy });
      assert.throws(second, { name: "TypeError", message: REFUSAL });
      assert.throws(() => open(join(folder, "b"), { legacy }), TypeError);
    }
    // The same lock once more is none.
    acquireLock(join(folder, "a"), { legacy }).release();
    assertKept(path, first);
    assertKept(path, acquireLock(join(folder, "b"), { legacy }));
  }),
);

test(
  "who waited with a legacy path that another lock has by now leaves it alone",
  inFolder(async (folder) => {
    const path = join(folder, "old.pid");
    const legacy = legacyLocks(path);
    // The second waits for an old version, which is gone when the first comes.
    writeFileSync(path, `${process.ppid}`);
    const coming = acquireLockAsync(join(folder, "b"), {
      legacy,
      wait: 60_000,
    });
    const ended = assert.rejects(coming, {
      name: "TypeError",
      message: REFUSAL,
    });
    rmSync(path);
    const first = acquireLock(join(folder, "a"), { legacy });
    await ended;
    assertKept(path, first);
  }),
);

test(
  "what the error says to do guards several databases",
  inFolder((place) => {
    const folder = join(place, "folder");
    mkdirSync(folder);
    const path = join(folder, "old.pid");
    const lock = acquireLock(folder, { legacy: legacyLocks(path) });
    const [a, b] = ["a.db", "b.db"].map((name) => open(join(folder, name)));
    a?.close();
    b?.close();
    assertKept(path, lock);
  }),
);
