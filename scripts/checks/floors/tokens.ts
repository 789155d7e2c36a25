/**
 * Cuts TypeScript into words, strings and marks and drops the comments, so
 * that a rule about code is not set off by prose.
 *
 * No compiler is fetched for this: the check runs before everything else, on
 * machines that may be offline, and on each runtime in its own test.
 *
 * @module
 */

/** One word, string or punctuation mark of a source file. */
export interface Token {
  readonly kind: "word" | "string" | "mark";
  /** For a string what stands between the quotes. */
  readonly text: string;
  /** Counted from 1. */
  readonly line: number;
  /** Whether it touches the token before, with no blank between. */
  readonly glued: boolean;
}

/** After these words a slash opens a regular expression. */
const BEFORE_VALUE = new Set([
  "await",
  "case",
  "delete",
  "do",
  "else",
  "in",
  "instanceof",
  "new",
  "of",
  "return",
  "throw",
  "typeof",
  "void",
  "yield",
]);

const BLANK = /\s+|\/\/[^\n]*|\/\*[^]*?\*\//y;
const WORD = /[\p{ID_Start}$_#][\p{ID_Continue}$]*|\d[\w.]*/uy;
const QUOTED = /"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'/y;
/** From a backtick or a closing brace to the next hole or the end. */
const TEMPLATE = /[`}]((?:[^`\\$]|\\[^]|\$(?!\{))*)(`|\$\{)/y;
const REGEX = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/\w*/y;

/** Splits a source file into its tokens. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  /** For each open brace whether it is the hole of a template. */
  const braces: boolean[] = [];
  let at = 0;
  let line = 1;
  let glued = false;

  function take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match === null) return null;
    at += match[0].length;
    return match;
  }
  function add(kind: Token["kind"], text: string, whole: string): void {
    tokens.push({ kind, text, line, glued });
    line += whole.split("\n").length - 1;
    glued = true;
  }

  while (at < source.length) {
    let match = take(BLANK);
    if (match !== null) {
      line += match[0].split("\n").length - 1;
      glued = false;
      continue;
    }
    const mark = source[at]!;
    if (mark === "`" || (mark === "}" && braces.at(-1) === true)) {
      if ((match = take(TEMPLATE)) !== null) {
        if (mark === "}") braces.pop();
        if (match[2] === "${") braces.push(true);
        add("string", match[1]!, match[0]);
        continue;
      }
    } else if ((match = take(QUOTED)) !== null) {
      add("string", match[0].slice(1, -1), match[0]);
      continue;
    } else if ((match = take(WORD)) !== null) {
      add("word", match[0], match[0]);
      continue;
    } else if (mark === "/" && opensValue(tokens)) {
      if ((match = take(REGEX)) !== null) {
        add("mark", "/regex/", match[0]);
        continue;
      }
    }
    if (mark === "{") braces.push(false);
    if (mark === "}") braces.pop();
    at += 1;
    add("mark", mark, mark);
  }
  return tokens;
}

/** Whether a value may begin here, so that a slash does not divide. */
function opensValue(tokens: readonly Token[]): boolean {
  const last = tokens.at(-1);
  if (last === undefined) return true;
  if (last.kind === "string") return false;
  if (last.kind === "word") return BEFORE_VALUE.has(last.text);
  // `count! / 2`: this exclamation mark ends a value.
  if (last.text === "!" && last.glued) return tokens.at(-2)?.kind === "mark";
  return ![")", "]", "/regex/"].includes(last.text);
}
