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
    return checkFloors(root).map(({ file, line, sentence }) =>
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
    "src/cli/main.ts": 'import { inspect } from "../inspect/mod.ts";\n' +
      'import { open } from "../../mod.ts";\n',
    "src/inspect/mod.ts": 'import "../wal/readers.ts";\n',
    "src/wal/readers.ts": "export {};\n",
    "src/loss/end.ts": 'import "../wal/readers.ts";\n',
    "src/options.ts": 'import type { V } from "./driver/contract.ts";\n',
    "src/driver/contract.ts": 'import type { H } from "../options.ts";\n',
  });
  assert.deepEqual(problems, []);
});

test("comments, strings and property names set off nothing", () => {
  const problems = problemsOf({
    "src/wal/busy.ts": [
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
  assertOne(
    problemsOf({ "src/wal/a.ts": '\nimport { x } from "../open.ts";\n' }),
    /^src\/wal\/a\.ts:2: src\/wal\/ is on floor 2 .* src\/open\.ts on floor 5/,
  );
});

test("every form of import counts", () => {
  const forms = [
    'import "../open.ts";',
    'import x, { y as z } from "../open.ts";',
    'import * as x from "../open.ts";',
    'import type { X } from "../open.ts";',
    'export { x } from "../open.ts";',
    'export type { X } from "../open.ts";',
    'export * from "../open.ts";',
    'export * as x from "../open.ts";',
    'const x = await import("../open.ts");',
    'let x: import("../open.ts").X;',
  ];
  for (const form of forms) {
    assertOne(problemsOf({ "src/wal/a.ts": form }), /on floor 5/);
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

test("diagnosis does not import open.ts, and only the command the face", () => {
  assertOne(
    problemsOf({ "src/inspect/a.ts": 'import "../open.ts";' }),
    /got src\/open\.ts on floor 5/,
  );
  assertOne(
    problemsOf({ "src/etcd/a.ts": 'import "../../mod.ts";' }),
    /got mod\.ts on floor 6/,
  );
});

test("the core imports nothing of an entry, whatever its floor", () => {
  for (const room of ["open.ts", "database/a.ts"]) {
    const up = room.includes("/") ? "../" : "./";
    assertOne(
      problemsOf({ [`src/${room}`]: `import "${up}legacy/mod.ts";` }),
      /The core imports nothing of an entry, got src\/legacy\/mod\.ts/,
    );
  }
});

test("an entry imports no other entry's inside", () => {
  assertOne(
    problemsOf({ "src/cli/a.ts": 'import "../inspect/report.ts";' }),
    /no other entry's inside, .* import from src\/inspect\/mod\.ts/,
  );
  assertOne(
    problemsOf({ "src/inspect/a.ts": 'import "../cli/main.ts";' }),
    /got src\/cli\/ on floor 7/,
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
      problemsOf({ "src/lock/a.ts": use }),
      /^src\/lock\/a\.ts:1: .*use runtime globals/,
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
    assertOne(problemsOf({ "src/wal/a.ts": form }), /exported as default/);
  }
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
