/**
 * Reads the JUnit report of a test run, as far as counting goes. It is the
 * one format that Deno, Bun and Node all write.
 *
 * @module
 */

/** What became of the tests of one file. */
export interface Count {
  readonly passed: number;
  readonly skipped: number;
  /** The names of those that failed. */
  readonly failed: readonly string[];
  /** Whether the report itself says that the run broke off. */
  readonly broken: boolean;
}

/** Comments (Node puts diagnostics there), opening and closing tags. */
const PIECE =
  /<!--[^]*?-->|<!\[CDATA\[[^]*?\]\]>|<(\/?)([\w:]+)((?:[^<>"']|"[^"]*"|'[^']*')*)>/g;

/** Counts the tests in a report; `null` when it is not a whole report. */
export function readJunit(xml: string): Count | null {
  if (!xml.trimEnd().endsWith("</testsuites>")) return null;
  const failed: string[] = [];
  let total = 0;
  let skipped = 0;
  let broken = false;
  let name = "";
  let state: "passed" | "skipped" | "failed" = "passed";

  for (const [, closing, tag, rest = ""] of xml.matchAll(PIECE)) {
    const empty = rest.endsWith("/");
    if (tag === "testcase" && closing === "") {
      name = attribute(rest, "name");
      state = "passed";
      total += 1;
    } else if (tag === "failure" || tag === "error") state = "failed";
    else if (tag === "skipped") state = "skipped";
    else if (tag === "testsuites" && closing === "") {
      // Deno counts a test that left the process as an error.
      broken = !["", "0"].includes(attribute(rest, "errors"));
    }
    if (tag === "testcase" && (closing === "/" || empty)) {
      if (state === "failed") failed.push(name);
      if (state === "skipped") skipped += 1;
    }
  }
  return { passed: total - skipped - failed.length, skipped, failed, broken };
}

function attribute(text: string, name: string): string {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(text)?.[1] ?? "";
  return value.replace(/&(lt|gt|quot|apos|amp);/g, (_, entity: string) => {
    return { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" }[entity] ?? "";
  });
}
