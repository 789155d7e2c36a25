// Migrates each database whose path it is told, and says how that went.
import process from "node:process";
import { createInterface } from "node:readline";

export async function run(migrate) {
  const way = process.argv[2];
  console.log("ready");
  for await (const path of createInterface({ input: process.stdin })) {
    try {
      await migrate(path, way);
      console.log("done");
    } catch (error) {
      console.log(`failed: ${String(error.message).split("\n", 1)}`);
    }
  }
}
