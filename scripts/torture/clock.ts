/**
 * Clock steps: the time of day jumps by years while processes wait, and some
 * count the time since boot from another moment.
 *
 * The machine's own clock is left alone. libfaketime lets each contender read
 * a clock of its own, which is set by a file; a time namespace shifts the
 * monotonic clocks, and with them the start times in /proc.
 *
 * @module
 */

import { existsSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { battle } from "./arena.ts";
import { lacking, notRoot, SQLITE3 } from "./machine.ts";
import type { Random } from "./seed.ts";
import type { Stage, Storm } from "./storm.ts";

const CLOCKS = 3;
const SHIFTED = [
  "unshare",
  "-T",
  "--boottime",
  "864000",
  "--monotonic",
  "864000",
];

/** The storm. */
export const clock: Storm = {
  name: "clock",
  about: "the time of day jumps by years, differently for each process",
  share: 2,
  episode: 30,
  missing: () => lacking(SQLITE3) || withoutLibrary(),
  play,
};

async function play(stage: Stage): Promise<void> {
  const { random } = stage;
  const library = findLibrary() ?? "";
  const clocks = Array.from(
    { length: CLOCKS },
    (_, i) => join(stage.folder, `clock-${i}`),
  );
  for (const path of clocks) set(path, random);
  const canShift = notRoot("make a time namespace") === false &&
    lacking(`${SHIFTED.join(" ")} true`) === false;
  if (!canShift) stage.outcome("without time namespaces");
  await battle(stage, {
    crew: 5,
    launch: (runtime, number) => ({
      runtime,
      prefix: canShift && random.chance(0.3) ? SHIFTED : [],
      // The last one reads the true clock.
      env: number % (CLOCKS + 1) === CLOCKS ? {} : {
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: clocks[number % CLOCKS] ?? "",
        FAKETIME_NO_CACHE: "1",
        // A clock that is set does not change how long things take.
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
        NO_FAKE_STAT: "1",
      },
    }),
    async torment(arena) {
      for (let steps = random.between(1, 4); steps > 0; steps--) {
        await pause(random.between(5, 100));
        set(random.pick(clocks), random);
        stage.count("faults");
      }
      const victim = random.chance(0.5) ? arena.victim(0.7) : undefined;
      if (victim !== undefined) await arena.kill(victim);
    },
  });
}

/** Sets a clock: seconds ago or ahead, up to some thirty years. */
function set(path: string, random: Random): void {
  const seconds = random.pick([1, 60, 3600, 86_400, 1_000_000_000]);
  const step = random.between(-seconds, seconds);
  writeFileSync(`${path}.new`, `${step < 0 ? "" : "+"}${step}\n`);
  renameSync(`${path}.new`, path);
}

function withoutLibrary(): string | false {
  return findLibrary() === null
    ? "libfaketime is not here (apt-get install faketime)"
    : false;
}

function findLibrary(): string | null {
  const root = "/usr/lib";
  const places = existsSync(root) ? readdirSync(root) : [];
  const found = places
    .map((name) => join(root, name, "faketime", "libfaketimeMT.so.1"))
    .find((path) => existsSync(path));
  return found ?? null;
}
