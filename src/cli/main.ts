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

// Deno makes `process` at its first use, which takes as long as its start.
const { Deno } = globalThis as { Deno?: { args: string[]; exitCode: number } };

const code = await run(Deno?.args ?? process.argv.slice(2), import.meta.url);
if (Deno !== undefined) Deno.exitCode = code;
else process.exitCode = code;
