/**
 * Borders between processes that share one kernel: PID namespaces, and users.
 *
 * @module
 */

import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { publishBinary, publishSources } from "../runtimes/publish.ts";
import type { Runtime } from "../runtimes/runtimes.ts";
import { type Arena, battle } from "./arena.ts";
import { lacking, notRoot, SQLITE3 } from "./machine.ts";
import type { Stage, Storm } from "./storm.ts";

const NAMESPACE = ["unshare", "-pf", "--kill-child", "--mount-proc"];
// The first one is ours; nobody needs an entry in /etc/passwd.
const USERS = [0, 65534, 31337];

/** Half of the contenders are PID 1 somewhere else. */
export const namespaces: Storm = {
  name: "namespaces",
  about: "killed in and out of PID namespaces, where PIDs say nothing",
  share: 2,
  episode: 30,
  missing: () =>
    lacking(SQLITE3) || notRoot("make PID namespaces") ||
    lacking(`${NAMESPACE.join(" ")} true`),
  play: (stage) =>
    battle(stage, {
      crew: 5,
      launch: (runtime, number) => ({
        runtime,
        prefix: number % 2 === 0 ? NAMESPACE : [],
      }),
      torment: (arena) => killOne(stage, arena),
    }),
};

/** Three users share a folder that all of them may write to. */
export const users: Storm = {
  name: "users",
  about: "holders of three users in one folder, killed",
  share: 2,
  episode: 30,
  missing: () => lacking(SQLITE3) || notRoot("play other users"),
  play: playUsers,
};

async function playUsers(stage: Stage): Promise<void> {
  const place = join(stage.folder, "place");
  mkdirSync(place);
  chmodSync(place, 0o777);
  const code = publishCode(stage);
  const runtimes = stage.runtimes.map((runtime) => publish(stage, runtime));
  const cache = join(stage.folder, "deno");
  mkdirSync(cache);
  chmodSync(cache, 0o777);
  await battle(stage, {
    crew: 5,
    runtimes,
    launch: (runtime) => ({
      runtime,
      uid: stage.random.pick(USERS),
      // What one makes, the others may write to.
      prefix: ["sh", "-c", 'umask 0; exec "$@"', "sh"],
      program: join(code, "scripts/torture/programs/contender.ts"),
      env: { DENO_DIR: cache, HOME: cache },
    }),
    prepare({ target }) {
      // SQLite makes files that only their owner writes to.
      chmodSync(target, 0o666);
      writeFileSync(`${target}.lock`, "");
      chmodSync(`${target}.lock`, 0o666);
    },
    torment: (arena) => killOne(stage, arena),
  });
}

async function killOne(stage: Stage, arena: Arena): Promise<void> {
  await pause(stage.random.between(0, 200));
  const victim = arena.victim(0.7);
  if (victim !== undefined) await arena.kill(victim);
}

function publishCode({ folder }: Stage): string {
  const code = join(folder, "code");
  const own = "scripts/torture";
  publishSources(code, [
    ...["mod.ts", "src", "deno.json"],
    ...[`${own}/seed.ts`, `${own}/programs`],
  ]);
  return code;
}

function publish({ folder }: Stage, runtime: Runtime): Runtime {
  const own = join(folder, "runtimes", runtime.id);
  mkdirSync(own, { recursive: true });
  const path = publishBinary(own, runtime.path);
  return { ...runtime, path, command: [path, ...runtime.command.slice(1)] };
}
