/**
 * From words to a command. Whoever asks for the version, or types something
 * wrong, waits for no more than what is imported here.
 *
 * @module
 */

import { CHILD, readArguments, UsageError } from "./arguments.ts";
import { help } from "./help.ts";
import { tellFailure } from "./safe_text.ts";
import type { Screen } from "./screen.ts";
import { VERSION } from "./version.ts";

/**
 * Runs the command line.
 *
 * @param words Without the runtime and the script.
 * @param entry The URL of the program, to start it once more.
 * @param screen Standard output by default, which costs Bun and Deno as much
 * as their start: it is made when a command needs it.
 * @param complain Where errors go.
 * @returns The exit code.
 */
export async function run(
  words: readonly string[],
  entry: string,
  screen?: Screen,
  complain: (line: string) => void = (line) => console.error(line),
): Promise<number> {
  const line = (text: string): void =>
    screen === undefined ? console.log(text) : screen.line(text);
  if (words[0] === CHILD) {
    const { selftestChild } = await import("./commands.ts");
    selftestChild();
    return 0;
  }
  let wishes: ReturnType<typeof readArguments>;
  try {
    wishes = readArguments(words);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const json = words.includes("--json");
    tellFailure(error.message, null, json ? line : null, complain);
    complain("`litelatch --help` shows what there is.");
    return 2;
  }
  if ("show" in wishes) {
    line(wishes.show === "version" ? VERSION : help(wishes.command));
    return words.length === 0 ? 2 : 0;
  }
  const { perform } = await import("./commands.ts");
  return await perform(wishes, entry, screen, complain);
}
