/**
 * Breaks a paragraph into lines of 80 columns.
 *
 * @module
 */

/** The lines of `text`; a word longer than a line keeps one to itself. */
export function wrap(text: string, width = 80): string {
  let line = "";
  const lines = [];
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line].join("\n");
}
