import assert from "node:assert/strict";
import {
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from "node:fs";
import { test } from "node:test";
import { stat } from "../../src/os/stat.ts";
import {
  assertRefused,
  assertWon,
  type LockProcess,
  type Scene,
  scene,
} from "../fixtures/lock_processes.ts";
import { missing, needs } from "../fixtures/machine.ts";
import { thisAndNext } from "../fixtures/runtimes.ts";

// What a review of the protocol found: the lock file is deleted while somebody is about to
// take it, and then two held.

const skip = needs("/proc") ||
  missing(["strace", "-V"], ["strace", "-o", "/dev/null", "true"]);

/** Holds up the return of these system calls on a path. */
function slow(path: string, calls: string, ms: number): { prefix: string[] } {
  const inject = `inject=${calls}:delay_exit=${ms * 1000}`;
  return {
    prefix: ["strace", "-f", "-o", "/dev/null", "-P", path, "-e", inject],
  };
}

async function until(happened: () => boolean): Promise<void> {
  for (let looks = 0; !happened(); looks++) {
    assert.ok(looks < 20_000, "it never happened");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

// The last byte of SQLite's SHARED range, https://sqlite.org/lockingv3.html.
const SHARED_END = 0x40000000 + 511;

/** Whether it has more than the lock that everybody has for a moment. */
function hasLock({ pid }: LockProcess, path: string, mode: string): boolean {
  const ino = stat(path)?.identity.split(":")[1];
  const access = mode === "exclusive" ? "WRITE" : "READ";
  const line = new RegExp(
    ` ${access} +${pid} \\S+:${ino} \\d+ ${SHARED_END}\\n`,
  );
  return ino !== undefined && line.test(readFileSync("/proc/locks", "utf8"));
}

function hasOpen({ pid }: LockProcess, path: string): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`) === path;
    } catch {
      return false; // closed meanwhile
    }
  });
}

/**
 * One child is held up while it takes the lock, and is `ready` for the lock
 * file to go; then another one asks. One of them gets it.
 */
function deleteWhileTaken(
  mode: string,
  calls: string,
  where: (scene: Scene) => string,
  ready: (late: LockProcess, path: string) => boolean,
): Promise<void> {
  return scene(async (stage) => {
    const [kind, next] = thisAndNext();
    const quick = await stage.start(next);
    assertWon(await quick.acquire(stage.target)); // loads the module
    await quick.ask({ do: "release" });
    // On a busy machine the quick one may come too late to meet the other.
    for (let ms = 250; ms < 5000; ms *= 2) {
      const late = await stage.start(kind, slow(where(stage), calls, ms));
      const answer = late.acquire(stage.target, { mode });
      await until(() => ready(late, `${stage.target}.lock`));
      await new Promise((resolve) => setTimeout(resolve, ms / 10));
      rmSync(`${stage.target}.lock`);
      const { ok } = await quick.acquire(stage.target);
      if (ok) {
        assertRefused(await answer, [quick.pid]);
        assert.ok(existsSync(`${stage.target}.pid`), "the record is gone");
        return;
      }
      assertWon(await answer);
      await late.kill();
    }
    assert.fail("the two never met");
  });
}

test(
  "a lock file deleted while it is opened lets one in",
  { skip },
  () =>
    deleteWhileTaken(
      "exclusive",
      "open,openat",
      ({ target }) => `${target}.lock`,
      hasOpen,
    ),
);

for (const mode of ["exclusive", "shared"]) {
  // When it is told that no record is there, it has the lock.
  test(
    `a lock file deleted between lock and record lets one in (${mode})`,
    { skip },
    () =>
      deleteWhileTaken(
        mode,
        "lstat,newfstatat,statx",
        ({ target }) => `${target}.pid`,
        (late, path) => hasLock(late, path, mode),
      ),
  );
}
