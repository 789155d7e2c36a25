import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { checkCopy, vendor } from "../../scripts/release/vendor.ts";
import { judge, readHeader, withHeader } from "../../src/cli/vendored.ts";
import { inFolder } from "../fixtures/folder.ts";
import { withoutPackages } from "../fixtures/packages.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const SMOKE = fileURLToPath(new URL("fixtures/smoke.js", import.meta.url));
const LICENCE = "MIT License\n\nCopyright\n";
const own = thisRuntime();
// The tools come from the same registry as the packages.
const options = { skip: withoutPackages };

/** What a program prints; a warning on stderr is no failure. */
function run(command: readonly string[], cwd?: string): string {
  const [program = "", ...args] = command;
  const { stdout, stderr, status } = spawnSync(program, args, {
    encoding: "utf8",
    cwd,
    env: { ...process.env, NO_COLOR: "1" },
  });
  assert.equal(status, 0, stderr);
  return stdout;
}

test(
  "a vendored copy alone in a folder does all that the library does",
  options,
  inFolder(async (folder) => {
    await vendor(folder);
    copyFileSync(SMOKE, join(folder, "smoke.mjs"));
    const said = run(
      [...own.command, "smoke.mjs", "./litelatch.js", folder],
      folder,
    );
    assert.equal(said, "smoke: all is well\n");
  }),
);

test(
  "the sources pass the same smoke as the vendored file",
  inFolder((folder) => {
    const face = new URL("../../mod.ts", import.meta.url).href;
    const said = run([...own.command, SMOKE, face, folder]);
    assert.equal(said, "smoke: all is well\n");
  }),
);

test(
  "a vendored file imports nothing and carries version, licence and hash",
  options,
  inFolder(async (folder) => {
    await vendor(folder);
    const { version } = JSON.parse(
      readFileSync(new URL("../../deno.json", import.meta.url), "utf8"),
    );
    for (const name of ["litelatch.js", "litelatch.d.ts"]) {
      const text = readFileSync(join(folder, name), "utf8");
      const code = text.replaceAll(/\/\*[^]*?\*\//g, "");
      assert.doesNotMatch(code, /^\s*import\b|\bfrom\s*"|\bimport\(/m, name);
      assert.doesNotMatch(code, /\brequire\("/, name);
      assert.equal(readHeader(text)?.version, version);
      assert.match(text, /Permission is hereby granted, free of charge/);
    }
    const code = readFileSync(join(folder, "litelatch.js"), "utf8");
    const asked = code.matchAll(/getBuiltinModule\("([^"]+)"\)/g);
    for (const [, name] of asked) assert.match(name ?? "", /^(node|bun):/);
  }),
);

test(
  "a copy counts together with another copy in the same process",
  options,
  inFolder(async (folder) => {
    await vendor(folder);
    const url = (path: string) => JSON.stringify(pathToFileURL(path).href);
    const face = fileURLToPath(new URL("../../mod.ts", import.meta.url));
    writeFileSync(
      join(folder, "both.mjs"),
      `import { acquireLock as vendored } from ${
        url(join(folder, "litelatch.js"))
      };
import { acquireLock as installed } from ${url(face)};
import { existsSync } from "node:fs";
if (vendored === installed) throw new Error("this is one copy");
const target = process.argv[2];
const first = vendored(target);
const second = installed(target);
first.release();
console.log(existsSync(target + ".pid"));
second.release();
console.log(existsSync(target + ".pid"));
`,
    );
    const said = run([
      ...own.command,
      join(folder, "both.mjs"),
      join(folder, "x"),
    ]);
    assert.equal(said, "true\nfalse\n");
  }),
);

test(
  "litelatch vendor writes and checks what came with the package",
  options,
  inFolder(async (folder) => {
    // As npm lays it out: the command in esm/, the files beside it.
    cpSync(
      fileURLToPath(new URL("../../src", import.meta.url)),
      join(folder, "esm/src"),
      { recursive: true },
    );
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
    const command = (...words: string[]): [string, number | null] => {
      const [program = "", ...args] = [
        ...own.command,
        join(folder, "esm/src/cli/main.ts"),
        "vendor",
        ...words,
      ];
      const { stdout, stderr, status } = spawnSync(program, args, {
        encoding: "utf8",
        env: { ...process.env, NO_COLOR: "1" },
      });
      return [status === 2 ? stderr : stdout, status];
    };
    const target = join(folder, "target");
    const [excuse, code] = command(target);
    assert.match(
      excuse,
      /^Cannot find litelatch\.js: it must come with the package/,
    );
    assert.equal(code, 2);
    await vendor(join(folder, "vendored"));
    const files = ["litelatch.js", "litelatch.d.ts"];
    const written = files.map((name) => join(target, name));
    assert.deepEqual(command(target), [`${written.join("\n")}\n`, 0]);
    for (const file of written) {
      assert.equal((await checkCopy(file)).judgement, "current");
      assert.deepEqual(command("--check", file), [
        `${file} (0.1.0): current\n`,
        0,
      ]);
    }
    const [file = ""] = written;
    writeFileSync(file, `${readFileSync(file, "utf8")}// mine\n`);
    assert.deepEqual(command("--check", file), [
      `${file} (0.1.0): edited since it was written\n`,
      1,
    ]);
  }),
);

const OLD_NODE = findOldNode();

test(
  "a vendored copy says in one sentence that Node 20 is too old",
  {
    skip: withoutPackages ||
      (OLD_NODE === null && "there is no Node 20 on PATH"),
  },
  inFolder(async (folder) => {
    await vendor(folder);
    writeFileSync(
      join(folder, "try.mjs"),
      'import { open } from "./litelatch.js";\n' +
        "try { open('x.db'); } catch (error) {\n" +
        "  console.log(error.code, error.message);\n}\n",
    );
    const said = run([OLD_NODE ?? "", "try.mjs"], folder);
    assert.match(
      said,
      /^LITELATCH_UNSUPPORTED Cannot use litelatch on Node 20\.[\d.]+: it needs Node 22\.16 or newer[^\n]*\n$/,
    );
    assert.equal(existsSync(join(folder, "x.db")), false);
  }),
);

function findOldNode(): string | null {
  const name = process.platform === "win32" ? "node.exe" : "node";
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, name);
    if (existsSync(path) && run([path, "-v"]).startsWith("v20.")) {
      return path;
    }
  }
  return null;
}

test(
  "--check knows a current copy, an edited one and a strange file",
  options,
  inFolder(async (folder) => {
    await vendor(folder);
    const file = join(folder, "litelatch.js");
    const check = async () => (await checkCopy(file)).judgement;
    assert.equal(await check(), "current");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace("BEGIN IMMEDIATE", "BEGIN"));
    assert.equal(await check(), "edited");
    writeFileSync(file, "export {};\n");
    assert.equal(await check(), "strange");
  }),
);

test("a copy is judged by its hash first and by its version then", () => {
  const current = withHeader("a();\n", "1.2.0", LICENCE);
  const of = (version: string, body = "a();\n") =>
    judge(withHeader(body, version, LICENCE), current);
  assert.equal(of("1.2.0"), "current");
  assert.equal(of("1.1.9", "b();\n"), "older");
  assert.equal(of("1.2.0-rc.1"), "older");
  assert.equal(of("1.10.0"), "newer");
  assert.equal(of("1.2.0", "b();\n"), "other");
  assert.equal(judge(current.replace("a();", "c();"), current), "edited");
  assert.equal(judge(`${current}more();\n`, current), "edited");
  assert.equal(judge("a();\n", current), "strange");
});

test("line ends that git changed are no edit", () => {
  const current = withHeader("a();\nb();\n", "1.2.0", LICENCE);
  assert.equal(judge(current.replaceAll("\n", "\r\n"), current), "current");
});
