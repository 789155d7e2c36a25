/**
 * Bad disks: one that takes its time, and one that is full.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Arena, battle } from "./arena.ts";
import { atEnd } from "./cleanup.ts";
import { slowly } from "./delays.ts";
import { lacking, notRoot, SQLITE3, STRACE } from "./machine.ts";
import type { Stage, Storm } from "./storm.ts";

const DISK_SIZE = "16m";
// What SQLite and we say of a full disk; the lock itself needs no room.
const FULL = /^(SQLITE_(10|13)|ERR_SQLITE_ERROR|LITELATCH_(OPEN|PRAGMA))$/;

/** Every write and sync takes long, and its process may die in it. */
export const slowDisk: Storm = {
  name: "slow-disk",
  about: "writes and syncs that take up to 40 ms, and kills in the middle",
  share: 2,
  episode: 30,
  missing: () => lacking(SQLITE3, STRACE),
  play: (stage) => {
    const { random } = stage;
    return battle(stage, {
      crew: 5,
      part: { opens: 0.9, synchronous: "full" },
      launch: (runtime) => ({
        runtime,
        prefix: slowly([
          `fsync,fdatasync:delay_exit=${random.between(5, 40)}ms`,
          `pwrite64,ftruncate:delay_enter=${random.between(1, 10)}ms`,
        ]),
      }),
      async torment(arena) {
        await pause(random.between(100, 800));
        const victim = arena.victim(0.8);
        if (victim !== undefined) await arena.kill(victim);
      },
    });
  },
};

/** Room comes and goes. */
export const fullDisk: Storm = {
  name: "full-disk",
  about: "a small disk that is filled to the last byte, and freed again",
  share: 2,
  episode: 30,
  missing: () =>
    lacking(SQLITE3) || notRoot("mount a small disk") ||
    lacking("unshare -m mount -t tmpfs none /mnt"),
  play: playFull,
};

async function playFull(stage: Stage): Promise<void> {
  const place = join(stage.folder, "place");
  mkdirSync(place);
  const size = `size=${DISK_SIZE}`;
  const words = ["-t", "tmpfs", "-o", size, "litelatch", place];
  if (spawnSync("mount", words).status !== 0) {
    throw new Error(`Cannot mount a small disk at ${place}`);
  }
  const unmount = atEnd(() => void spawnSync("umount", ["-l", place]));
  try {
    await battle(stage, {
      crew: 5,
      part: { opens: 0.7 },
      launch: (runtime) => ({ runtime }),
      torment: (arena) => fill(stage, arena, join(place, "filler")),
      tolerates: (code) => FULL.test(code),
    });
    // What failed is to be looked into when the disk is gone.
    if (stage.failed) {
      spawnSync("cp", ["-a", place, join(stage.folder, "place-copy")]);
    }
  } finally {
    unmount();
  }
}

async function fill(
  stage: Stage,
  arena: Arena,
  filler: string,
): Promise<void> {
  const { random } = stage;
  await pause(random.between(50, 300));
  // First in large pieces, then to the last page.
  for (const piece of [2 ** 20, 4096]) {
    try {
      for (;;) appendFileSync(filler, new Uint8Array(piece));
    } catch {
      stage.count("faults");
    }
  }
  await pause(random.between(50, 300));
  const victim = random.chance(0.5) ? arena.victim(0.7) : undefined;
  if (victim !== undefined) await arena.kill(victim);
  rmSync(filler, { force: true });
}
