/**
 * Text of unknown origin, made fit for a terminal.
 *
 * @module
 */

// Cc, Cf (bidi, zero-width, tags), Zl and Zp: they move the cursor, hide or
// reorder what a person reads.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** At most `length` characters, and `?` for each that is not printable. */
export function printable(text: string, length = 200): string {
  return text.slice(0, length).replace(UNPRINTABLE, "?");
}

// Behind these the words of a command line are code or data.
const CODE = /^(?:-|-[a-z]*[ecp]|--eval|--print|eval)$/;
const SUBCOMMAND = /^(?:run|test|watch|serve|task|x|exec|tool)$/;
const SCRIPT = /^[\w@.+-]+\.(?:[cm]?[jt]sx?|py|rb|sh|pl|php)$/;

/**
 * The program and script of a command line, without folders. No argument:
 * passwords and tokens stood in pidfiles that everybody may read.
 */
export function programOf(words: readonly string[]): string {
  const [program = "", ...rest] = words;
  const name = printable(baseOf(program), 60);
  for (const word of rest) {
    if (CODE.test(word)) break;
    if (word.startsWith("-") || SUBCOMMAND.test(word)) continue;
    const script = baseOf(word);
    return SCRIPT.test(script) && !word.includes("://")
      ? `${name} ${script.slice(0, 60)}`
      : name;
  }
  return name;
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
