/**
 * The page that a plot is drawn on: an SVG file of its own that can be read
 * on white and on black, wherever it is shown as an image.
 *
 * @module
 */

/** What a mark stands for; each has one colour in all plots. */
export type Kind = "litelatch" | "raw" | "limit" | "other" | "another";

/** The width of every plot. */
export const WIDTH = 760;

// Okabe and Ito's colours, which the colour-blind can tell apart; lighter ones
// on black. The ground is painted: an image does not know the page around it.
const STYLE = `
  svg { --ground: #ffffff; --ink: #1f2328; --faint: #59636e; --rule: #d1d9e0;
    --litelatch: #0072b2; --raw: #c04f00; --limit: #59636e; --other: #00785a;
    --another: #a3517f }
  @media (prefers-color-scheme: dark) {
    svg { --ground: #0d1117; --ink: #e6edf3; --faint: #9198a1; --rule: #30363d;
      --litelatch: #56b4e9; --raw: #ff9d4d; --limit: #9198a1; --other: #2ec79b;
      --another: #e39ac2 }
  }
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--ink) }
  .title { font-weight: 600; font-size: 15px }
  .faint { fill: var(--faint); font-size: 12px }
  .rule { stroke: var(--rule); stroke-width: 1 }
  .target { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 4 3 }
  .range { stroke-width: 3; stroke-linecap: round; opacity: 0.45 }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round }
  .limit.line { stroke-dasharray: 5 4 }
${
  (["litelatch", "raw", "limit", "other", "another"] as const).map((kind) =>
    `  .${kind} { fill: var(--${kind}); stroke: var(--${kind}) }`
  ).join("\n")
}
  text.litelatch, text.raw, text.limit, text.other, text.another { stroke: none }
  .line.litelatch, .line.raw, .line.limit, .line.other, .line.another { fill: none }`;

/** Puts marks on a page. */
export function page(
  title: string,
  height: number,
  marks: readonly string[],
): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${
    at(height)
  }" width="${WIDTH}" height="${at(height)}" role="img" aria-label="${
    escape(title)
  }">
<style>${STYLE}
</style>
<rect width="100%" height="100%" style="fill: var(--ground)"/>
${text(16, 26, title, "title")}
${marks.join("\n")}
</svg>
`;
}

/** One line of text. */
export function text(
  x: number,
  y: number,
  content: string,
  style = "",
  anchor: "start" | "middle" | "end" = "start",
): string {
  return `<text x="${at(x)}" y="${at(y)}"${
    style === "" ? "" : ` class="${style}"`
  }${anchor === "start" ? "" : ` text-anchor="${anchor}"`}>${
    escape(content)
  }</text>`;
}

/** One straight line. */
export function line(
  from: readonly [number, number],
  to: readonly [number, number],
  style: string,
): string {
  return `<line x1="${at(from[0])}" y1="${at(from[1])}" x2="${at(to[0])}" y2="${
    at(to[1])
  }" class="${style}"/>`;
}

/** A coordinate: a tenth of a pixel is enough. */
export function at(pixels: number): string {
  return String(Math.round(pixels * 10) / 10);
}

function escape(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
