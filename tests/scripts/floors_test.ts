import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { checkFloors } from "../../scripts/checks/check_floors.ts";

const FACE = '/** The face. */\nexport { open } from "./src/open.ts";\n';

/** Checks a small tree; what it says, as `file:line: sentence`. */
function problemsOf(tree: Record<string, string>): string[] {
  const root = mkdtempSync(join(tmpdir(), "litelatch-floors-"));
  try {
    for (const [name, source] of Object.entries({ "mod.ts": FACE, ...tree })) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), source);
    }
    return checkFloors(root).problems.map(({ file, line, sentence }) =>
      `${file}:${line}: ${sentence}`
    );
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function assertOne(problems: string[], expected: RegExp): void {
  assert.equal(problems.length, 1, problems.join("\n"));
  assert.match(problems[0]!, expected);
}

test("a tree that keeps the rules has no problem", () => {
  const problems = problemsOf({
    "mod.ts": '/** Doc. */\nexport {\n  open,\n} from "./src/open.ts";\n' +
      'export type { Holder } from "./src/options.ts";\n',
    "src/open.ts": 'import { lock } from "./lock/mod.ts";\n' +
      'import type { Holder } from "./options.ts";\nexport { lock };\n',
    "src/lock/mod.ts": 'export { a } from "./shared.ts";\n',
    "src/lock/shared.ts": 'import "../os/files.ts";\n',
    "src/os/files.ts": 'import type fs from "node:fs";\nprocess.pid;\n',
    "src/driver/pick.ts": 'process.getBuiltinModule("bun:sqlite");\n',
    "src/cli/main.ts": 'import { inspect } from "../inspect/mod.ts";\n',
    "src/inspect/mod.ts": 'import "../wal.ts";\n',
    "src/wal.ts": "export {};\n",
  });
  assert.deepEqual(problems, []);
});

test("comments, strings and property names set off nothing", () => {
  const problems = problemsOf({
    "src/busy.ts": [
      '// import "./wal.ts"; Deno, Bun, process, node:fs, bun:sqlite',
      '/** import { x } from "./open.ts"; export default process */',
      'const a = \'import "./wal.ts"\', b = "Deno and Bun";',
      "const c = `process ${a + `Bun ${b}`} // export default`;",
      'const d = /["`/]process/.test(c) ? a.length / 2 : 1 / b.length;',
      "const e = { process: 1, Deno: d!/ 2, import: 3, export: 4 };",
      "export const f = [e.process, e.import, e?.export, e.Deno];",
      "interface G { process?: string; Bun: { default: number } }",
      'export type H = G["process"];',
    ].join("\n"),
  });
  assert.deepEqual(problems, []);
});

test("a room that imports from a floor above is named with both floors", () => {
  const above = { "src/busy.ts": '\nimport { x } from "./open.ts";\n' };
  assertOne(
    problemsOf(above),
    /^src\/busy\.ts:2: src\/busy\.ts is on floor 2 .* src\/open\.ts on floor 4/,
  );
});

test("every form of import counts", () => {
  const forms = [
    'import "./open.ts";',
    'import x, { y as z } from "./open.ts";',
    'import * as x from "./open.ts";',
    'import type { X } from "./open.ts";',
    'export { x } from "./open.ts";',
    'export type { X } from "./open.ts";',
    'export * from "./open.ts";',
    'export * as x from "./open.ts";',
    'const x = await import("./open.ts");',
    'let x: import("./open.ts").X;',
  ];
  for (const form of forms) {
    assertOne(problemsOf({ "src/wal.ts": form }), /on floor 4/);
  }
});

test("rooms on one floor do not import each other", () => {
  assertOne(
    problemsOf({ "src/lock/a.ts": 'import "../wal/b.ts";' }),
    /src\/lock\/ is on floor 2 .* src\/wal\/ on floor 2/,
  );
  assertOne(
    problemsOf({ "src/os/a.ts": 'import "../driver/b.ts";' }),
    /src\/driver\/ on floor 1/,
  );
});

test("diagnosis does not import open.ts, and the face is nobody's", () => {
  for (const room of ["inspect", "cli"]) {
    assertOne(
      problemsOf({ [`src/${room}/a.ts`]: 'import "../open.ts";' }),
      /got src\/open\.ts on floor 4/,
    );
  }
  assertOne(
    problemsOf({ "src/cli/a.ts": 'import "../../mod.ts";' }),
    /got mod\.ts on floor 5/,
  );
});

test("a file in no room is a problem, and so is importing it", () => {
  const problems = problemsOf({
    "src/helpers.ts": "export {};",
    "src/open.ts": 'import "./helpers.ts";',
  });
  assert.equal(problems.length, 2, problems.join("\n"));
  assert.match(problems[0]!, /^src\/helpers\.ts:1: .*must be in a room/);
  assert.match(problems[1]!, /^src\/open\.ts:1: .*got src\/helpers\.ts/);
});

test("a package is not imported", () => {
  for (const name of ["npm:x@1", "jsr:@std/fs", "lodash", "@std/fs"]) {
    assertOne(
      problemsOf({ "src/os/a.ts": `import "${name}";` }),
      /Only relative paths are imported/,
    );
  }
});

test("runtime globals stay near the runtime", () => {
  const uses = ["Deno.pid;", "Bun.version;", "const { pid } = process;"];
  for (const use of [...uses, "globalThis.process.pid;", "f(...process);"]) {
    assertOne(
      problemsOf({ "src/lock.ts": use }),
      /^src\/lock\.ts:1: .*use runtime globals/,
    );
  }
});

test("built-in modules stay near the runtime", () => {
  for (const use of ['import "node:fs";', 'f("node:fs");', 'f("bun:ffi");']) {
    assertOne(
      problemsOf({ "src/inspect/a.ts": use }),
      /use built-in modules/,
    );
  }
});

test("only the driver names SQLite's module", () => {
  assertOne(
    problemsOf({ "src/os/a.ts": 'f("node:sqlite");' }),
    /Only src\/driver\/ says ":sqlite"/,
  );
});

test("nothing is exported as default", () => {
  const forms = ["export default 1;", "const a = 1;\nexport { a as default };"];
  for (const form of forms) {
    assertOne(problemsOf({ "src/wal.ts": form }), /exported as default/);
  }
});

test("a file has at most 250 lines", () => {
  assert.deepEqual(problemsOf({ "src/wal.ts": "\n".repeat(250) }), []);
  assertOne(
    problemsOf({ "src/wal.ts": "\n".repeat(251) }),
    /at most 250 lines, got 251/,
  );
});

test("mod.ts has no logic", () => {
  const faces = [
    'import { a } from "./src/open.ts";\n',
    'export * from "./src/open.ts";\n',
    FACE + "export const version = 1;\n",
    "const a = 1;\nexport { a };\n",
  ];
  for (const face of faces) {
    assertOne(
      problemsOf({ "mod.ts": face }),
      /^mod\.ts:\d: mod\.ts holds only/,
    );
  }
});
