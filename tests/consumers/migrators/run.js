// Migrates each database whose path it is told, and says how that went.
import process from "node:process";
import { createInterface } from "node:readline";

export async function run(migrate) {
  const way = process.argv[2];
  // What a migrator logs is no answer.
  const say = console.log;
  console.log = console.warn = console.error;
  say("ready");
  for await (const path of createInterface({ input: process.stdin })) {
    try {
      await migrate(path, way);
      say("done");
    } catch (error) {
      say(`failed: ${String(error.message).split("\n", 1)}`);
    }
  }
}
