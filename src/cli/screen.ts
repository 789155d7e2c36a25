/**
 * Where the words go: a terminal or a pipe, with colours or without.
 *
 * @module
 */

import { attempt } from "../os/builtin.ts";

/** What a command may print on. */
export interface Screen {
  /** Whether a person looks at it. */
  readonly terminal: boolean;
  readonly columns: number;
  readonly rows: number;
  /** Prints as it is. */
  write(text: string): void;
  /** Prints a line. */
  line(text?: string): void;
  /** Puts colour around a text, where colours are wanted. */
  paint(colour: Colour, text: string): string;
}

/** The colours in use. */
export type Colour = "red" | "yellow" | "green" | "bold" | "dim";

const CODES: Record<Colour, number> = {
  red: 31,
  yellow: 33,
  green: 32,
  bold: 1,
  dim: 2,
};

const WIDEST = 80;

/** Standard output. */
export function standardOutput(): Screen {
  const { stdout } = process;
  const fail = ({ code, message }: Error & { code?: string }): never => {
    // `litelatch … | head` closes the pipe: that is no error.
    if (code === "EPIPE") process.exit(0);
    console.error(`Cannot write to standard output: ${message}`);
    process.exit(2);
  };
  stdout.on("error", fail);
  const terminal = stdout.isTTY === true;
  const colours = terminal && wantsColours();
  const write = (text: string): void => {
    try {
      stdout.write(text);
    } catch (error) {
      fail(error as Error & { code?: string }); // Deno throws it.
    }
  };
  return {
    terminal,
    // Asked again each time: a window changes its size.
    get columns() {
      return terminal ? Math.min(stdout.columns || WIDEST, WIDEST) : WIDEST;
    },
    get rows() {
      return terminal ? stdout.rows || 24 : 24;
    },
    write,
    line: (text = "") => write(`${text}\n`),
    paint: (colour, text) =>
      colours ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text,
  };
}

/** https://no-color.org: set and not empty means none. */
function wantsColours(): boolean {
  // Deno throws where it may not look; then nobody has set it.
  const variable = (name: string) => attempt(() => process.env[name], "");
  return !variable("NO_COLOR") && variable("TERM") !== "dumb";
}

/** Breaks a text into lines, later ones indented by as many spaces. */
export function wrap(text: string, columns: number, indent: number): string {
  const lines: string[] = [];
  let line = "";
  // In a terminal of eleven columns or less it went on until memory was full.
  const room = Math.max(1, columns - indent);
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > room) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
    // A path longer than the screen.
    while (line.length > room) {
      lines.push(line.slice(0, room));
      line = line.slice(room);
    }
  }
  lines.push(line);
  return lines.join(`\n${" ".repeat(indent)}`);
}
