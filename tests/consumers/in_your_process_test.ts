import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

const PAGE = new URL("../../docs/in-your-process.md", import.meta.url);

test("each row of docs/in-your-process.md names a test that is there", () => {
  const rows = readFileSync(PAGE, "utf8").split("\n")
    .filter((line) => line.startsWith("|") && !/^\| (?:where|-)/.test(line));
  assert.ok(rows.length > 25, `${rows.length} rows`);
  for (const row of rows) {
    const [, link = "none"] = /\]\((\.\.\/tests\/[^)]+_test\.ts)\) *\|$/
      .exec(row) ?? [];
    assert.ok(existsSync(new URL(link, PAGE)), row);
  }
});
