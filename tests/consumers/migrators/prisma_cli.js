import { execFile } from "node:child_process";
import process from "node:process";
import { promisify } from "node:util";
import { once } from "./once.js";
import { run } from "./run.js";

const CLI = "node_modules/prisma/build/index.js";

// The engine is in the CLI: it looks for these two, and runs neither.
const env = {
  ...process.env,
  PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
  PRISMA_QUERY_ENGINE_LIBRARY: process.execPath,
  CHECKPOINT_DISABLE: "1",
  PRISMA_HIDE_UPDATE_MESSAGE: "1",
};

async function migrate(path) {
  const args = [CLI, "migrate", "deploy"];
  try {
    await promisify(execFile)(process.execPath, args, {
      env: { ...env, DATABASE: path },
    });
  } catch (error) {
    const said = `${error.stdout}${error.stderr}`;
    throw new Error(/\bP\d{4}\b/.exec(said)?.[0] ?? said.replace(/\s+/g, " "));
  }
}

await run(async (path, way) => {
  if (way === "plain") await migrate(path);
  else await once(path, () => migrate(path));
});
