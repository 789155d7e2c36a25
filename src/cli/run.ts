/**
 * From words to a command, and from an error to an exit code.
 *
 * @module
 */

import { LitelatchError } from "../errors.ts";
import {
  type CommandName,
  readArguments,
  UsageError,
  type Wishes,
} from "./arguments.ts";
import { Excuse, lookOrExcuse } from "./cannot_look.ts";
import { checkpointCommand } from "./checkpoint_command.ts";
import { clean } from "./clean_command.ts";
import { doctor } from "./doctor.ts";
import { help } from "./help.ts";
import { jsonText, printableLines, printableReport } from "./safe_text.ts";
import type { Screen } from "./screen.ts";
import { selftest } from "./selftest.ts";
import { vendor } from "./vendor.ts";
import { VERSION } from "./version.ts";
import { watch } from "./watch.ts";
import { printWho } from "./who.ts";

type Command = (
  wishes: Wishes,
  screen: Screen,
  entry: string,
) => number | Promise<number>;

const RUN: Record<CommandName, Command> = {
  doctor,
  who,
  watch,
  checkpoint: checkpointCommand,
  clean,
  selftest,
  vendor,
};

/**
 * Runs the command line.
 *
 * @param words Without the runtime and the script.
 * @param complain Where errors go.
 * @param entry The URL of the program, to start it once more.
 * @returns The exit code.
 */
export async function run(
  words: readonly string[],
  screen: Screen,
  complain: (line: string) => void,
  entry: string,
): Promise<number> {
  try {
    const wishes = readArguments(words);
    if ("show" in wishes) {
      screen.line(
        wishes.show === "version" ? VERSION : help(wishes.command),
      );
      return words.length === 0 ? 2 : 0;
    }
    return await RUN[wishes.command](wishes, screen, entry);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (words.includes("--json")) {
      const code = error instanceof LitelatchError ? error.code : null;
      screen.line(jsonText({ error: { code, message } }, 0));
    } else complain(printableLines(message));
    if (error instanceof UsageError) {
      complain("`litelatch --help` shows what there is.");
    } else if (!isExpected(error)) {
      complain(printableLines(error instanceof Error ? error.stack ?? "" : ""));
    }
    return 2;
  }
}

function who({ path, json }: Wishes, screen: Screen): number {
  const report = lookOrExcuse(path);
  if (json) screen.line(jsonText(report));
  else printWho(printableReport(report), screen);
  return 0;
}

function isExpected(error: unknown): boolean {
  return error instanceof LitelatchError || error instanceof Excuse ||
    error instanceof TypeError;
}
