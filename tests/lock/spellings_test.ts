import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { assertRefused } from "../fixtures/lock_processes.ts";
import { Company } from "./fixtures/company.ts";

const company = new Company();

// What Win32 takes for `app.db` in that folder, or might.
const SPELLINGS: ((folder: string) => string)[] = [
  (folder) => `${folder}\\APP.DB`,
  (folder) => `${folder}\\App.Db`,
  (folder) => `${folder.toUpperCase()}\\app.db`,
  (folder) => `${folder}\\app.db`.replaceAll("\\", "/"),
  (folder) => `${folder}\\.\\app.db`,
  (folder) => `${folder}\\x\\..\\app.db`,
  (folder) => `${folder}\\\\app.db`,
  (folder) => `${folder}\\app.db\\`,
  (folder) => `${folder}.\\app.db`,
  (folder) => `${folder} \\app.db`,
  (folder) => `\\\\?\\${folder}\\app.db`,
  (folder) => `\\\\.\\${folder}\\app.db`,
  (folder) => `\\\\?\\${folder}\\app.db.`,
  (folder) => folder[0]!.toLowerCase() + folder.slice(1) + "\\app.db",
  (folder) => `file:///${folder.replaceAll("\\", "/")}/app.db`,
  ...[".", " ", "...", ". .", "::$DATA", "::$data", ":$DATA", ":s"]
    .map((end) => (folder: string) => `${folder}\\app.db${end}`),
];

test("on Windows all spellings of a name are one lock, or no name", {
  skip: process.platform !== "win32" && "needs Windows",
}, async () => {
  const seen = { locked: 0, refused: 0 };
  for (const { child, other } of company.pairs()) {
    for (const isThere of [true, false]) {
      for (const spelling of SPELLINGS) {
        const folder = company.newPath().replaceAll("/", "\\");
        mkdirSync(folder);
        const plain = `${folder}\\app.db`;
        if (isThere) writeFileSync(plain, "");
        const both = [plain, spelling(folder)];
        for (const [first, second] of [both, both.toReversed()]) {
          if (!(await child.acquire(first!)).ok) continue;
          const answer = await other.acquire(second!);
          assert.ok(!answer.ok, `${first} and ${second} have a holder each`);
          if (answer.code === "LITELATCH_LOCKED") {
            assertRefused(answer, [child.pid]);
            seen.locked++;
          } else {
            // A TypeError, or no such folder.
            assert.match(answer.code ?? answer.name!, /TypeError|_OPEN/);
            seen.refused++;
          }
          await child.ask({ do: "release" });
        }
      }
    }
  }
  assert.ok(seen.locked > 0 && seen.refused > 0, JSON.stringify(seen));
});
