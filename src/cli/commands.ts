/**
 * The commands, and from an error of one to an exit code.
 *
 * @module
 */

import { messageOf } from "../driver/result_codes.ts";
import { LitelatchError } from "../errors.ts";
import type { CommandName, Wishes } from "./arguments.ts";
import { Excuse, lookOrExcuse } from "./cannot_look.ts";
import { checkpointCommand } from "./checkpoint_command.ts";
import { clean } from "./clean_command.ts";
import { doctor } from "./doctor.ts";
import {
  jsonText,
  printableLines,
  printableReport,
  tellFailure,
} from "./safe_text.ts";
import { type Screen, standardOutput } from "./screen.ts";
import { selftest } from "./selftest.ts";
import { vendor } from "./vendor.ts";
import { watch } from "./watch.ts";
import { printWho } from "./who.ts";

export { selftestChild } from "./selftest_child.ts";

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

/** Does what was asked for, and gives the exit code. */
export async function perform(
  wishes: Wishes,
  entry: string,
  screen: Screen = standardOutput(),
  complain: (line: string) => void,
): Promise<number> {
  try {
    return await RUN[wishes.command](wishes, screen, entry);
  } catch (error) {
    const code = error instanceof LitelatchError ? error.code : null;
    tellFailure(
      messageOf(error),
      code,
      wishes.json ? screen.line : null,
      complain,
    );
    if (!isExpected(error)) {
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
