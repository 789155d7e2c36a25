/**
 * `deno task test:systems`: the tests as on Windows and macOS, on one Debian.
 *
 * Windows is Wine with the Windows builds of the runtimes; macOS is Linux
 * runtimes that say they are macOS, so that nothing looks into `/proc`. Neither
 * is NTFS, APFS, Windows or a Mac: what passes here was tried here.
 *
 * @module
 */

import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runSuite } from "../test/suite.ts";
import { testFiles } from "../test/files.ts";
import { runsAlone, whyLeftOut } from "./known.ts";
import { Results } from "./results.ts";
import { saidMacos } from "./macos.ts";
import { type System, SYSTEMS } from "./system.ts";
import { wine } from "./wine.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const HELP = `Usage: deno task test:systems [options] [filter …]

Sets up Wine with Windows builds of the runtimes (Debian, as root: 2.4 GB below
the folder for temporary files, some minutes) and Linux runtimes that say they
are macOS, and runs the tests on both. The last lines are a table, with each
failure that is not known to come from Wine or from the pretence.

Options:
  --system=<names>   only these, split by commas: ${SYSTEMS.join(", ")}
  --runtime=<names>  only these, split by commas: deno, bun, node, node22
  --help             print this

LITELATCH_SYSTEMS=<folder> is where everything lies. It stays, for the next run;
before you delete it, umount its trixie/proc, and trixie/dev with -R.`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      system: { type: "string", default: SYSTEMS.join(",") },
      runtime: { type: "string", default: "deno,bun,node,node22" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  process.umask(0o022);
  process.chdir(ROOT);
  const systems = values.system.split(",");
  const results = new Results(process.stdout);
  const make: Record<string, () => System> = {
    macos: saidMacos,
    windows: () => wine(ROOT),
  };
  const files = testFiles(positionals);
  for (const name of systems) {
    const system = make[name]?.();
    if (system === undefined) {
      throw new Error(`There is no system "${name}": ${SYSTEMS.join(", ")}`);
    }
    for (const runtime of system.runtimes) {
      if (!values.runtime.split(",").includes(runtime.id)) continue;
      const tried = files
        .filter((file) => whyLeftOut(system.name, file) === null);
      const tally = results.begin(system, runtime.label, tried.length);
      for (const file of files) {
        const why = whyLeftOut(system.name, file);
        if (why !== null) tally.note(`${file} is left out, ${why}`);
      }
      const apart = tried.filter((file) => runsAlone(system.name, file));
      const others = tried.filter((file) => !apart.includes(file));
      for (const some of [...apart.map((file) => [file]), others]) {
        await runSuite(runtime, some, system.env, tally);
      }
    }
    system.end();
  }
  process.exit(results.finish());
}

await main();
