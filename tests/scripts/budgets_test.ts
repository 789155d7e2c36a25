import assert from "node:assert/strict";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  checkBudgets,
  MOST_CORE_LINES,
  MOST_LINES,
  MOST_VENDORED_BYTES,
} from "../../scripts/checks/check_budgets.ts";
import { inFolder } from "../fixtures/folder.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A copy of the sources. */
function copy(folder: string): string {
  const root = join(folder, "copy");
  mkdirSync(root);
  for (const name of ["mod.ts", "src"]) {
    cpSync(join(ROOT, name), join(root, name), { recursive: true });
  }
  return root;
}

function sentencesOf(root: string, vendored = ""): string[] {
  return checkBudgets(root, vendored).problems.map(({ file, sentence }) =>
    `${file}: ${sentence}`
  );
}

/** What the check says of a copy after a change, and did not say before. */
function newIn(root: string, change: () => void): string[] {
  const before = sentencesOf(root);
  change();
  return sentencesOf(root).filter((sentence) => !before.includes(sentence));
}

function assertOne(said: readonly string[], expected: RegExp): void {
  assert.equal(said.length, 1, said.join("\n"));
  assert.match(said[0] ?? "", expected);
}

test(
  "a core of more lines than its budget is a problem, comments included",
  inFolder((folder) => {
    const root = copy(folder);
    const { coreLines } = checkBudgets(root, null);
    assert.ok(coreLines > 1000, `${coreLines} lines`);
    const room = join(root, "src/os/clock.ts");
    const said = newIn(
      root,
      () => appendFileSync(room, "// more\n".repeat(MOST_CORE_LINES)),
    );
    assertOne(said, /^mod\.ts: The core must have at most [\d,]+ lines, got/);
    assert.equal(
      checkBudgets(root, null).coreLines,
      coreLines + MOST_CORE_LINES,
    );
  }),
);

test(
  "what the face reaches by types alone counts, and an entry does not",
  inFolder((folder) => {
    const root = copy(folder);
    const before = checkBudgets(root, null);
    mkdirSync(join(root, "src/legacy"), { recursive: true });
    writeFileSync(join(root, "src/legacy/more.ts"), "\n".repeat(100));
    assert.equal(checkBudgets(root, null).coreLines, before.coreLines);
    writeFileSync(join(root, "src/wal/more.ts"), "\n".repeat(100));
    const type = 'export type { More } from "./src/wal/more.ts";\n';
    appendFileSync(join(root, "mod.ts"), type);
    const after = checkBudgets(root, null);
    assert.equal(after.coreLines, before.coreLines + 101);
    assert.equal(after.coreFiles, before.coreFiles + 1);
  }),
);

test(
  "a vendored file above its budget is a problem",
  inFolder((folder) => {
    const root = copy(folder);
    const odd = ".".repeat(MOST_VENDORED_BYTES % 2);
    const full = "é".repeat(MOST_VENDORED_BYTES / 2) + odd;
    const before = sentencesOf(root, full);
    const said = sentencesOf(root, `${full}.`)
      .filter((sentence) => !before.includes(sentence));
    assertOne(said, /^mod\.ts: The vendored file must .* got [\d,]+: delete/);
  }),
);

test(
  "a circle of imports is a problem, within a folder and of types too",
  inFolder((folder) => {
    const root = copy(folder);
    const write = (name: string, code: string) =>
      writeFileSync(join(root, "src/wal", name), code);
    const said = newIn(root, () => {
      write("ring_a.ts", 'import { b } from "./ring_b.ts";\n');
      write("ring_b.ts", 'import type { C } from "./ring_c.ts";\n');
      write("ring_c.ts", 'export type A = import("./ring_a.ts").A;\n');
      write("ring_d.ts", 'import "./ring_a.ts";\n');
    });
    assertOne(
      said,
      /^src\/wal\/ring_a\.ts: .* got src\/wal\/ring_a\.ts → src\/wal\/ring_b\.ts → src\/wal\/ring_c\.ts → src\/wal\/ring_a\.ts: move/,
    );
    assertOne(
      newIn(
        root,
        () => write("self.ts", 'import type { A } from "./self.ts";'),
      ),
      /self\.ts → src\/wal\/self\.ts:/,
    );
  }),
);

test(
  "a file name that stands twice in the core is a problem",
  inFolder((folder) => {
    const root = copy(folder);
    const said = newIn(root, () => {
      mkdirSync(join(root, "src/legacy"), { recursive: true });
      writeFileSync(join(root, "src/legacy/readers.ts"), "export {};\n");
    });
    assert.deepEqual(said, []);
    const twice = newIn(root, () => {
      const used = join(root, "src/os/clock.ts");
      renameSync(used, join(root, "src/os/readers.ts"));
      writeFileSync(used, 'export * from "./readers.ts";\n');
    }).filter((sentence) => !/lines, got/.test(sentence)); // one more
    assertOne(
      twice,
      /^src\/wal\/readers\.ts: .* got readers\.ts in src\/os\/ too/,
    );
  }),
);

test(
  "a long file is a warning, no problem",
  inFolder((folder) => {
    const root = copy(folder);
    const file = join(root, "src/legacy/long.ts");
    mkdirSync(join(root, "src/legacy"), { recursive: true });
    writeFileSync(file, "\n".repeat(MOST_LINES));
    const warned = () =>
      checkBudgets(root, null).warnings.map(({ file }) => file);
    assert.ok(!warned().includes("src/legacy/long.ts"));
    const said = newIn(root, () => appendFileSync(file, "\n"));
    assert.deepEqual(said, []);
    assert.ok(warned().includes("src/legacy/long.ts"));
  }),
);
