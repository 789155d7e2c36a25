/**
 * The `litelatch` command: who has my SQLite database open?
 *
 * ```sh
 * litelatch doctor app.db
 * litelatch who app.db
 * ```
 *
 * It runs on Bun, Deno and Node, as `bunx`, `deno run` and `npx` start it.
 *
 * @module
 */

import { run } from "./run.ts";
import { standardOutput } from "./screen.ts";
import { CHILD, selftestChild } from "./selftest_child.ts";

// `litelatch … | head` closes the pipe: that is no error.
process.stdout.on("error", (error: { code?: string }) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

const words = process.argv.slice(2);
if (words[0] === CHILD) selftestChild();
else {
  const complain = (line: string): void =>
    void process.stderr.write(`${line}\n`);
  run(words, standardOutput(), complain, import.meta.url).then((code) => {
    process.exitCode = code;
  });
}
