/** Linux runtimes that say they are macOS. @module */

import { fileURLToPath, pathToFileURL } from "node:url";
import { pinnedRuntime, PINS, type Runtime } from "../runtimes/runtimes.ts";
import { testPackages } from "../test/packages.ts";
import { handDown, type System } from "./system.ts";

const SAYS = new URL("../../tests/fixtures/saying/darwin.ts", import.meta.url);

/** Sets it up: there is nothing to fetch that the tests would not. */
export function saidMacos(): System {
  const runtimes = PINS.map(({ id }) => saying(pinnedRuntime(id)));
  const env = {
    LITELATCH_RUNTIMES: handDown(runtimes),
    LITELATCH_PACKAGES: testPackages(),
  };
  return { name: "macos", runtimes, env, end: () => {} };
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
