/**
 * The header of a vendored file, and what it says about a copy.
 *
 * @module
 */

/** What a header says. */
export interface Header {
  version: string;
  /** Of everything below the header. */
  sha256: string;
}

/** What became of a copy; `"strange"` is no vendored file at all. */
export type Judgement =
  | "current"
  | "edited"
  | "older"
  | "newer"
  | "other"
  | "strange";

/** Puts the header above a body. */
export function withHeader(
  body: string,
  version: string,
  licence: string,
): string {
  const text = licence.trim().split("\n").map((line) => ` * ${line}`.trimEnd());
  return `${
    [
      `/*! litelatch ${version}, one file, no dependencies.`,
      " * https://jsr.io/@litelatch/litelatch",
      " *",
      " * Do not edit: `litelatch vendor DEST` writes a new one, and",
      " * `litelatch vendor --check FILE` compares this copy with it.",
      ` * SHA-256 of what follows: ${sha256(body)}`,
      " *",
      ...text,
      " */",
    ].join("\n")
  }\n${body}`;
}

/** Reads a header; `null` where there is none. */
export function readHeader(text: string): Header | null {
  const [, version, sha256] = parts(text) ?? [];
  return version === undefined || sha256 === undefined
    ? null
    : { version, sha256 };
}

/** Compares a copy with the file of this release. */
export function judge(copy: string, current: string): Judgement {
  const [own, copied] = [parts(current), parts(copy)];
  if (own === null) throw new TypeError("Cannot compare: no header of ours");
  if (copied === null) return "strange";
  const [, version = "", written, body = ""] = copied;
  if (sha256(body) !== written) return "edited";
  if (written === own[2] && version === own[1]) return "current";
  const difference = compare(version, own[1] ?? "");
  return difference < 0 ? "older" : difference > 0 ? "newer" : "other";
}

/** Version, hash and body; git may have changed the line ends. */
function parts(text: string): string[] | null {
  // The line for Bun, or for TypeScript, may be missing: JSR takes none, and an
  // editor may have taken it away.
  return /^(?:\/\/[^\n]*\n)?\/\*! litelatch (\S+),[^]*?\n \* SHA-256 of what follows: ([0-9a-f]{64})\n[^]*?\n \*\/\n([^]*)$/
    .exec(text.replaceAll("\r\n", "\n"));
}

function sha256(body: string): string {
  // A static import costs `litelatch who` 6 ms on Node, and 7 on Bun.
  const { createHash } = process.getBuiltinModule("node:crypto");
  return createHash("sha256").update(body).digest("hex");
}

function compare(one: string, other: string): number {
  const [left, right] = [one, other].map((version) =>
    version.split(/[.+-]/).map((part) => Number.parseInt(part, 10) || 0)
  ) as [number[], number[]];
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  // 1.0.0-rc.1 comes before 1.0.0.
  return Number(other.includes("-")) - Number(one.includes("-"));
}
