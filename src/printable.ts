/** Text of unknown origin, made fit for a terminal. @module */

// Control and format characters, the bidirectional and zero-width ones among
// them, line separators, and what every font draws as nothing.
const UNSAFE = /[^\P{C}\n]|[\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** One line of at most `most` characters; what is unsafe becomes `?`. */
export function printable(text: string, most = 200): string {
  const short = text.length > most ? `${text.slice(0, most)}…` : text;
  // To compile the other pattern costs a hook more than all of its lock.
  if (/^[!-~]*(?: [!-~]+)*$/.test(short)) return short;
  return short.replace(/\s+/g, " ").replace(UNSAFE, "?").trim();
}

/**
 * A message of ours, made safe. Only a refusal of a lock has several lines, and
 * makes safe itself what it quotes. The password of a URL given as a path goes.
 */
export function legible(message: string, code?: string): string {
  const isList = code === "LITELATCH_LOCKED";
  const text = (isList ? message : message.replace(/\n/g, "?"))
    .replace(/(:\/+[^\s/:@"]*:)[^\s/@"]*@/g, "$1?@");
  return /[^\n -~]/.test(text) ? text.replace(UNSAFE, "?") : text;
}

/** Behind these the words of a command line are code or data. */
export const CODE = /^(?:-|-[a-z]*[ecp]|--(?:eval|print)(?:=.*)?|eval)$/is;
const SKIPPED = /^(?:-.*|run|test|watch|serve|task|x|exec|tool)$/;
const FOLDERS = /^.*\//s;
const SCRIPT = /^[\w@.+-]+\.(?:[cm]?[jt]sx?|py|rb|sh|pl|php)$/;

/**
 * The program and script of a command line, without folders. No argument:
 * passwords and tokens stood in pidfiles that everybody may read.
 */
export function programOf(words: readonly string[]): string {
  const [program = "", ...rest] = words;
  // A title that a process gave itself is one word, with blanks.
  const [first = ""] = program.split(/\s/);
  const name = printable(first.replace(FOLDERS, ""), 60);
  const word = rest.find((word) => CODE.test(word) || !SKIPPED.test(word)) ??
    "";
  const isCode = word.includes("://") || CODE.test(word);
  const script = isCode ? "" : word.replace(FOLDERS, "");
  return SCRIPT.test(script) ? `${name} ${script.slice(0, 60)}` : name;
}
