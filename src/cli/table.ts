/**
 * Columns that fit.
 *
 * @module
 */

/** One column. */
export interface Column {
  title: string;
  /** Numbers are set to the right. */
  right?: boolean;
  /** May be cut down to so many characters, widest first. */
  least?: number;
}

const GAP = 2;

/** Lays out rows in at most `columns` characters; the first line is titles. */
export function table(
  layout: Column[],
  rows: string[][],
  columns: number,
): string[] {
  const widths = layout.map(({ title }, i) =>
    Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0))
  );
  const total = () =>
    widths.reduce((sum, width) => sum + width, GAP * (widths.length - 1));
  while (total() > columns) {
    let widest = -1;
    layout.forEach(({ least = Infinity }, i) => {
      const width = widths[i] ?? 0;
      if (width > least && width > (widths[widest] ?? 0)) widest = i;
    });
    if (widest === -1) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  const lay = (cells: string[]): string =>
    cells.map((cell, i) => {
      const width = widths[i] ?? 0;
      const text = cut(cell, width);
      return layout[i]?.right ? text.padStart(width) : text.padEnd(width);
    }).join(" ".repeat(GAP)).trimEnd().slice(0, columns);
  return [lay(layout.map(({ title }) => title)), ...rows.map(lay)];
}

/** Shortens a text, and shows that it is shortened. */
export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
