/**
 * Runs commands in turn and prints the CPU time of each whole process. It runs
 * on Bun, whose spawnSync tells what wait4(2) says, in microseconds.
 *
 * @module
 */

import process from "node:process";

interface BunSpawn {
  spawnSync(options: object): {
    exitCode: number;
    stderr: { toString(): string };
    resourceUsage: { cpuTime: { total: bigint | number } };
  };
}

const { Bun } = globalThis as unknown as { Bun: BunSpawn };
const [rounds = "1", commands = "{}"] = process.argv.slice(2);
const named = Object.entries(JSON.parse(commands) as Record<string, string[]>);

for (let round = 0; round < Number(rounds) + 2; round++) {
  for (const [name, cmd] of round % 2 === 0 ? named : named.toReversed()) {
    const start = performance.now();
    const { exitCode, stderr, resourceUsage } = Bun.spawnSync({
      cmd,
      stdout: "ignore",
      stderr: "pipe",
    });
    if (exitCode !== 0) {
      console.error(`Cannot measure ${cmd.join(" ")}: ${stderr}`);
      process.exit(1);
    }
    const wallMs = performance.now() - start;
    const cpuMs = Number(resourceUsage.cpuTime.total) / 1000;
    // The first two rounds fill the disk cache.
    if (round >= 2) console.log(JSON.stringify({ name, cpuMs, wallMs }));
  }
}
