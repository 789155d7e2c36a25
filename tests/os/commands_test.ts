import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { programOf } from "../../src/printable.ts";
import { inFolder } from "../fixtures/folder.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const COMMANDS: [words: string[], shown: string][] = [
  [["/usr/bin/node", "--inspect", "/srv/app.js", "hunter2"], "node app.js"],
  [["deno", "run", "-A", "main.ts", "--token=hunter2"], "deno main.ts"],
  [["/opt/my app/bin"], "my"],
  [["node", "-e", "code", "/x/hunter2.js"], "node"],
  [["node", "--eval=code", "/x/hunter2.js"], "node"],
  [["node", "--eval=open('/x/hunter2.js"], "node"],
  [["python3", "-Ic", "code #/x/hunter2.py"], "python3"],
  [["bash", "-Ec", "run /x/hunter2.sh"], "bash"],
  [["perl", "-E", "code #/hunter2.pl"], "perl"],
  [["worker --url=http://me:hunter2@host/x"], "worker"],
  [["worker /var/hunter2"], "worker"],
];

test("of a command line the program and its script are shown alone", () => {
  for (const [words, shown] of COMMANDS) {
    assert.equal(programOf(words), shown, words.join(" "));
  }
});

test(
  "the argument of code that was given by -e is no script",
  { skip: "Deno" in globalThis && "Deno has a file for such code" },
  inFolder((folder) => {
    const secret = join(folder, "hunter2");
    writeFileSync(secret, "");
    const face = new URL("../../mod.ts", import.meta.url);
    const code = `import("${face}").then((all) => console.log(` +
      `all.acquireLock(process.argv[1]).holder.command))`;
    const { command: [program = "", ...flags] } = thisRuntime();
    for (const how of [["-e", code], [`--eval=${code}`]]) {
      const { stdout } = spawnSync(program, [...flags, ...how, secret]);
      assert.match(`${stdout}`, /^(node|bun)\n$/);
    }
  }),
);
