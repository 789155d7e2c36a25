/**
 * The examples of functions, classes and methods: pages of `docs/` hold them, the
 * tests run them, and the declarations that are published carry them. In the
 * sources they would be some three hundred lines of the core.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./entries.ts";

const PAGES = ["docs/methods.md", "docs/many-hosts.md"];

/** A section of a function or class, one of a method below it, and its block. */
const BLOCK = /^(##|###) (\S+)\n\n```ts\n([^]*?)^```$/gm;

/** One example, and what it is of. */
interface Example {
  readonly of: string;
  /** `""` for the function or class itself. */
  readonly member: string;
  readonly text: string;
}

function examplesOf(page: string): Example[] {
  const found: Example[] = [];
  for (const section of page.split(/^(?=## )/m)) {
    const [, of = ""] = /^## (\w+)$/m.exec(section) ?? [];
    for (const [, level, name = "", text = ""] of section.matchAll(BLOCK)) {
      found.push({ of, member: level === "##" ? "" : name, text });
    }
  }
  return found;
}

/**
 * Puts the examples into declarations.
 *
 * @throws {Error} When a class is there that has no such method, or no doc.
 */
export function withExamples(declarations: string): string {
  let code = declarations;
  for (const page of PAGES) {
    const text = readFileSync(join(ROOT, page), "utf8");
    for (const example of examplesOf(text)) code = withExample(code, example);
  }
  return code;
}

function withExample(code: string, { of, member, text }: Example): string {
  const start = code.search(
    new RegExp(`\\ndeclare (?:class|function) ${of}\\b`),
  );
  if (start === -1) return code;
  const end = code.indexOf("\n}\n", start);
  const place = member === "" ? start : [`\n    ${member}(`, `\n    ${member}<`]
    .map((words) => code.indexOf(words, start))
    .find((at) => at !== -1 && at < end) ?? -1;
  const before = code.slice(0, place);
  if (place === -1 || !before.endsWith("*/")) {
    throw new Error(`Cannot place the example of ${of}.${member}: no such doc`);
  }
  const indent = member === "" ? "" : "    ";
  const doc = before.slice(before.lastIndexOf("/**") + 3, -2).trimEnd();
  const lines = doc.includes("\n") ? doc : `\n${indent} *${doc}`;
  const example = [
    "",
    "@example",
    "```ts",
    ...text.trimEnd().split("\n"),
    "```",
  ]
    .map((line) => `\n${indent} * ${line}`.trimEnd()).join("");
  return `${before.slice(0, before.lastIndexOf("/**"))}/**${lines}${example}` +
    `\n${indent} */${code.slice(place)}`;
}
