/**
 * Freeze: SIGSTOP and SIGCONT. A stopped holder still holds, and whoever was
 * stopped while it waited goes on.
 *
 * @module
 */

import { setTimeout as pause } from "node:timers/promises";
import { type Arena, battle } from "./arena.ts";
import { lacking, SQLITE3 } from "./machine.ts";
import type { Stage, Storm } from "./storm.ts";

/** The storm. */
export const freeze: Storm = {
  name: "freeze",
  about: "holders and waiters stopped for a while, and continued or killed",
  share: 2,
  episode: 30,
  missing: () => lacking(SQLITE3),
  play: (stage) =>
    battle(stage, {
      crew: 5,
      // Held long enough to be met holding.
      part: { holdMs: 20 },
      launch: (runtime) => ({ runtime }),
      torment: (arena) => stopOne(stage, arena),
    }),
};

async function stopOne(stage: Stage, arena: Arena): Promise<void> {
  const { random } = stage;
  await pause(random.between(0, 50));
  const victim = arena.victim(0.7);
  if (victim === undefined) return;
  victim.child.signal("SIGSTOP");
  // Until the kernel has stopped it, it may let go and say so.
  await pause(10);
  arena.read();
  const holding = arena.judge.holders.includes(victim.id);
  const before = arena.judge.acquisitions;
  await pause(random.between(20, random.chance(0.1) ? 2000 : 400));
  arena.read();
  const others = arena.judge.acquisitions > before;
  stage.outcome(
    holding
      ? "stopped while it held"
      : others
      ? "stopped while it did not hold, and others went on"
      : "stopped on its way in or out",
  );
  if (random.chance(0.2)) await arena.kill(victim);
  else victim.child.signal("SIGCONT");
}
