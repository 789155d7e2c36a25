/**
 * What a section found, as a page of Markdown.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Runtime } from "../runtimes/runtimes.ts";
import { runChild } from "../test/child.ts";
import type { Report, Section } from "./section.ts";

/** What a run knows beside its figures. */
export interface Circumstances {
  /** The runtimes for people, see {@linkcode versions}. */
  readonly runtimes: readonly string[];
  /** The load average before the section began, see {@linkcode load}. */
  readonly loadBefore: string;
  readonly seconds: number;
  readonly scale: number;
}

/** The whole page; `plot` is the name of the picture, where there is one. */
export function markdown(
  section: Section,
  report: Report,
  how: Circumstances,
  plot: string | null,
): string {
  const notes = (report.notes ?? []).map((note) => `- ${note}`);
  const paragraphs = [
    `# ${section.title}`,
    `${section.method}.`,
    `Target: ${section.target}.`,
    table(report),
    ...(notes.length === 0 ? [] : [notes.join("\n")]),
    ...(plot === null ? [] : [`![${section.title}](${plot})`]),
    machine(section, report, how),
  ];
  return `${paragraphs.join("\n\n")}\n`;
}

/** The load average of the last minute, where the system tells. */
export function load(): string {
  try {
    return readFileSync("/proc/loadavg", "utf8").split(" ", 1)[0] ?? "";
  } catch {
    return "unknown";
  }
}

const ASK = fileURLToPath(
  new URL("programs/sqlite_version.ts", import.meta.url),
);

/** Each runtime and its SQLite: `"Bun 1.4.5 (SQLite 3.53.0)"`. */
export function versions(runtimes: readonly Runtime[]): Promise<string[]> {
  return Promise.all(runtimes.map(async ({ label, command }) => {
    const { output } = await runChild([...command, ASK], 60_000);
    return `${label} (SQLite ${/^[\d.]+$/m.exec(output)?.[0] ?? "unknown"})`;
  }));
}

function table({ head, rows }: Report): string {
  const lines = [
    [...head, "target"],
    [...head, "target"].map(() => "---"),
    ...rows.map(({ cells, reached }) => [
      ...cells,
      reached === null ? "" : reached ? "reached" : "**missed**",
    ]),
  ];
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

function machine(
  { name }: Section,
  report: Report,
  { runtimes, loadBefore, seconds, scale }: Circumstances,
): string {
  const [cpu] = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  const length = scale === 1 ? "" : ` --scale=${scale}`;
  return `Measured by \`deno task bench ${name}${length}\` within ${
    Math.round(seconds)
  } s on ${new Date().toISOString().slice(0, 10)}: ${
    cpu?.model.trim() ?? "unknown CPU"
  }, ${cpus().length} cores, ${gigabytes} GiB, ${process.platform} ${release()}, ` +
    `load average ${loadBefore} before and ${load()} after; ${
      [...runtimes, ...report.versions ?? []].join(", ")
    }.`;
}
