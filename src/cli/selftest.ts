/**
 * `litelatch selftest`: proves on that very disk that locks and WAL work.
 *
 * @module
 */

import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../driver/result_codes.ts";
import { toPath } from "../os/paths.ts";
import { mountOf } from "../os/procfs.ts";
import { printable } from "../printable.ts";
import type { Wishes } from "./arguments.ts";
import { Excuse } from "./cannot_look.ts";
import { jsonText } from "./safe_text.ts";
import { type Screen, wrap } from "./screen.ts";
import { Crew } from "./selftest_crew.ts";
import { type Step, STEPS } from "./selftest_steps.ts";

interface Result {
  name: string;
  ok: boolean;
  /** What was seen, or what is wrong. */
  seen: string;
}

const BAR = 28;

/** Runs every step in a folder of its own, which is removed afterwards. */
export async function selftest(
  { path, json }: Wishes,
  screen: Screen,
  entry: string,
): Promise<number> {
  const { where, folder } = makeFolder(path);
  const tidy = (): void => rmSync(folder, { recursive: true, force: true });
  const crew = new Crew(entry, folder);
  const onSignal = (): void => {
    crew.dismiss().finally(() => process.exit(130));
  };
  // Also where nobody reads what it prints any more.
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal).on("exit", tidy);
  const results: Result[] = [];
  try {
    for (const step of STEPS) {
      if (!json) showProgress(step, results.length, screen);
      const result = await run(step, crew, folder);
      results.push(result);
      if (!json) showResult(result, screen);
    }
  } finally {
    await crew.dismiss();
    tidy();
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal).off("exit", tidy);
  }
  const passed = results.every(({ ok }) => ok);
  if (json) {
    screen.line(jsonText({ passed, steps: results }));
  } else verdict(where, results, screen);
  return passed ? 0 : 1;
}

function makeFolder(path: string): { where: string; folder: string } {
  try {
    const where = realpathSync(toPath(path));
    return { where, folder: mkdtempSync(join(where, ".litelatch-selftest-")) };
  } catch (error) {
    throw new Excuse(
      `Cannot test "${path}": it must be a folder that this user can write ` +
        `to (${(error as { code?: string }).code ?? error})`,
    );
  }
}

async function run(step: Step, crew: Crew, folder: string): Promise<Result> {
  const { name } = step;
  try {
    return { name, ok: true, seen: await step.prove(crew, folder) };
  } catch (error) {
    return { name, ok: false, seen: messageOf(error) };
  } finally {
    await crew.dismiss();
  }
}

/** The bar, which the result of the step then replaces. */
function showProgress(step: Step, done: number, screen: Screen): void {
  if (!screen.terminal) return;
  const filled = Math.round((done / STEPS.length) * BAR);
  const bar = "#".repeat(filled) + ".".repeat(BAR - filled);
  screen.write(`\r\x1b[K[${bar}] ${step.name} …`);
}

function showResult({ name, ok, seen }: Result, screen: Screen): void {
  if (screen.terminal) screen.write("\r\x1b[K");
  const label = screen.paint(ok ? "green" : "red", ok ? "ok    " : "FAILED");
  screen.line(`${label}  ${wrap(`${name}: ${seen}`, screen.columns, 8)}`);
}

function verdict(where: string, results: Result[], screen: Screen): void {
  const type = mountOf(where)?.type ?? null;
  const place = `${printable(where, 1000)}${type === null ? "" : ` (${type})`}`;
  const failed = results.filter(({ ok }) => !ok).length;
  screen.line();
  const text = failed === 0
    ? `Everything works in ${place}, between processes of this machine.`
    : `${failed} of ${results.length} do not work in ${place}: do not keep a ` +
      "database there that several processes use.";
  screen.line(
    screen.paint(failed === 0 ? "green" : "red", wrap(text, screen.columns, 0)),
  );
}
