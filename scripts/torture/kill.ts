/**
 * Kill storm: SIGKILL at any moment, in the middle of slowed steps too.
 *
 * @module
 */

import { setTimeout as pause } from "node:timers/promises";
import { battle } from "./arena.ts";
import { delays } from "./delays.ts";
import { lacking, SQLITE3, STRACE } from "./machine.ts";
import type { Stage, Storm } from "./storm.ts";

// As many as two cores can keep busy.
const CREW = 6;

/** The storm. */
export const kill: Storm = {
  name: "kill",
  about: "holders and writers killed at random, their system calls delayed",
  share: 6,
  episode: 30,
  missing: () => lacking(SQLITE3),
  play,
};

async function play(stage: Stage): Promise<void> {
  const { random } = stage;
  const canTrace = lacking(STRACE) === false;
  if (!canTrace) stage.outcome("without delays, as strace fails here");
  await battle(stage, {
    crew: CREW,
    launch: (runtime) => ({
      runtime,
      prefix: canTrace && random.chance(0.4) ? delays(random) : [],
    }),
    async torment(arena) {
      await pause(random.between(0, 150));
      // Sometimes several at one instant.
      const many = random.chance(0.1) ? random.between(2, CREW) : 1;
      const victims = new Set(
        Array.from({ length: many }, () => arena.victim(0.6)),
      );
      await Promise.all(
        [...victims].map((victim) =>
          victim === undefined ? undefined : arena.kill(victim)
        ),
      );
    },
  });
}
