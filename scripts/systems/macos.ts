/** Linux runtimes that say they are macOS. @module */

import { existsSync, globSync, mkdirSync, symlinkSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { bundler } from "../release/bundle.ts";
import { declarationTools } from "../release/declarations.ts";
import { pinnedRuntime, PINS, type Runtime } from "../runtimes/runtimes.ts";
import { neighbours, packagingTools, testPackages } from "../test/packages.ts";
import { handDown, type System } from "./system.ts";

const SAYS = new URL("../../tests/fixtures/saying/darwin.ts", import.meta.url);

const FETCHED = new URL("../../.runtimes/", import.meta.url);
const WHERE = { cwd: fileURLToPath(FETCHED) };

/** Sets it up: there is nothing to fetch that the tests would not. */
export function saidMacos(): System {
  const usual = PINS.filter(({ named }) => !named);
  const runtimes = usual.map(({ id }) => saying(pinnedRuntime(id)));
  const env = {
    LITELATCH_RUNTIMES: handDown(runtimes),
    LITELATCH_PACKAGES: testPackages(),
  };
  for (const fetchTools of [bundler, declarationTools]) fetchTools();
  for (const fetchTools of [neighbours, packagingTools]) fetchTools();
  nameBinaries();
  return { name: "macos", runtimes, env, end: () => {} };
}

/** What asks for a binary for macOS gets the one for this system. */
function nameBinaries(): void {
  for (const place of globSync("*/node_modules/@*/*linux-x64*", WHERE)) {
    const name = place.replace(/linux-x64(?:-gnu)?$/, "darwin-x64");
    const link = new URL(name, FETCHED);
    if (name === place || existsSync(link)) continue;
    symlinkSync(basename(place), link);
  }
  // better-sqlite3 has all of them, and asks for one made on purpose first.
  for (const place of globSync("*/node_modules/better-sqlite3", WHERE)) {
    const folder = new URL(`${place}/build/Release/`, FETCHED);
    const link = new URL("better_sqlite3.node", folder);
    mkdirSync(folder, { recursive: true });
    if (existsSync(link)) continue;
    symlinkSync("../../prebuilds/linux-x64.node", link);
  }
}

function saying(runtime: Runtime): Runtime {
  const [flag, place] = runtime.id.startsWith("node")
    ? [["--import", pathToFileURL(fileURLToPath(SAYS)).href], 1]
    : [[`--preload=${fileURLToPath(SAYS)}`], 2];
  const put = (
    words: readonly string[],
  ) => [...words.slice(0, place), ...flag, ...words.slice(place)];
  return {
    ...runtime,
    command: put(runtime.command),
    testCommand: (file, report) => put(runtime.testCommand(file, report)),
  };
}
