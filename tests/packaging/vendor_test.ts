import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  COMMANDS,
  CORE,
  entries,
  FACES,
  type Part,
} from "../../scripts/release/entries.ts";
import { npmFiles } from "../../scripts/release/npm.ts";
import { fillFolder } from "../../scripts/release/package.ts";
import { bundled, bundledShared } from "../../scripts/release/bundle.ts";
import { checkCopy, vendor } from "../../scripts/release/vendor.ts";
import { ENTRIES } from "../../src/cli/arguments.ts";
import { help } from "../../src/cli/help.ts";
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
      [...own.command, "smoke.mjs", "./litelatch.mjs", folder],
      folder,
    );
    assert.equal(said, "smoke: all is well\n");
  }),
);

for (const type of ["commonjs", "module"]) {
  test(
    `a vendored copy is imported and required in a ${type} project`,
    options,
    inFolder(async (folder) => {
      writeFileSync(join(folder, "package.json"), JSON.stringify({ type }));
      await vendor(join(folder, "vendor"));
      const file = "./vendor/litelatch.mjs";
      const use = "open('app.db').close(); console.log(LockedError.name);\n";
      writeFileSync(
        join(folder, "a.cjs"),
        `const { LockedError, open } = require("${file}"); ${use}`,
      );
      writeFileSync(
        join(folder, "b.mjs"),
        `import { LockedError, open } from "${file}"; ${use}`,
      );
      for (const program of ["a.cjs", "b.mjs"]) {
        assert.equal(
          run([...own.command, program], folder),
          "LockedError\n",
          program,
        );
      }
    }),
  );
}

test(
  "another entry comes beside the core, and throws the core's errors",
  options,
  inFolder(async (folder) => {
    const written = await vendor(folder, ["etcd"]);
    assert.deepEqual(
      written.map((path) => path.slice(folder.length + 1)),
      [
        "litelatch.mjs",
        "litelatch.d.mts",
        "litelatch-etcd.mjs",
        "litelatch-etcd.d.mts",
        "litelatch-shared.mjs",
      ],
    );
    writeFileSync(
      join(folder, "same.mjs"),
      'import { LockedError } from "./litelatch.mjs";\n' +
        'import { LockedError as other } from "./litelatch-etcd.mjs";\n' +
        "console.log(LockedError === other);\n",
    );
    assert.equal(run([...own.command, "same.mjs"], folder), "true\n");
    for (const name of ENTRIES) {
      await vendor(join(folder, name), [name]);
      const file = join(folder, name, `litelatch-${name}.mjs`);
      const face = await import(pathToFileURL(file).href);
      assert.notDeepEqual(Object.keys(face), [], name);
    }
    await assert.rejects(
      vendor(folder, ["cli"]),
      /must be one of \., etcd, inspect, legacy, migrate, got "cli"/,
    );
  }),
);

/** The source files whose code a bundle holds. */
function sourcesIn(code: string): string[] {
  const files = [...code.matchAll(/^\/\/ ((?:src\/.*|mod)\.ts)$/gm)]
    .map(([, file = ""]) => file);
  assert.notDeepEqual(files, []);
  return files;
}

test(
  "no entry holds a source from outside its room, and no other file one of it",
  options,
  () => {
    const others = [...entries(), COMMANDS].filter(({ name }) => name !== ".");
    const roomOf = ({ source }: Part) => `${dirname(source)}/`;
    for (const entry of others) {
      const more = sourcesIn(bundled(entry))
        .filter((file) => !file.startsWith(roomOf(entry)));
      // What reads the command line runs without any other file.
      const alone = entry.script === "litelatch-cli.mjs";
      assert.deepEqual(more, alone ? ["src/printable.ts"] : [], entry.script);
    }
    const shared = sourcesIn(bundledShared());
    const files = [...sourcesIn(bundled(CORE)), ...shared];
    const ofEntries = files.filter((file) =>
      others.some((entry) => file.startsWith(roomOf(entry)))
    );
    assert.deepEqual(ofEntries, []);
    assert.deepEqual(shared.filter((file) => FACES.includes(file)), []);
  },
);

test(
  "a vendored file exports its face and no more",
  options,
  inFolder(async (folder) => {
    await vendor(folder);
    const file = pathToFileURL(join(folder, "litelatch.mjs")).href;
    const face = Object.keys(await import("../../mod.ts"));
    assert.deepEqual(Object.keys(await import(file)), face);
  }),
);

test(
  "Deno and its type check find the declarations of a vendored copy",
  { skip: withoutPackages || (own.id !== "deno" && "this is about Deno") },
  inFolder(async (folder) => {
    await vendor(folder);
    const program = "import { open } from './litelatch.mjs';\n" +
      "const wrong: string = open(':memory:');\nconsole.log(wrong);\n";
    writeFileSync(join(folder, "wrong.ts"), program);
    const { status, stderr } = spawnSync(
      own.command[0] ?? "",
      ["check", "--no-config", "wrong.ts"],
      { cwd: folder, encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } },
    );
    assert.equal(status, 1, stderr);
    assert.match(stderr, /Type 'Database' is not assignable to type 'string'/);
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
    for (const name of ["litelatch.mjs", "litelatch.d.mts"]) {
      const text = readFileSync(join(folder, name), "utf8");
      const code = text.replaceAll(/\/\*[^]*?\*\//g, "");
      assert.doesNotMatch(code, /^\s*import\b|\bfrom\s*"|\bimport\(/m, name);
      assert.doesNotMatch(code, /\brequire\("/, name);
      assert.equal(readHeader(text)?.version, version);
      const bare = text.replace(/^\/\/.*\n/, "");
      assert.notEqual(bare, text, name);
      assert.equal(readHeader(bare)?.version, version);
      assert.match(text, /^ \* MIT License/m);
    }
    const code = readFileSync(join(folder, "litelatch.mjs"), "utf8");
    assert.match(code, /Permission is hereby granted, free of charge/);
    // One other character makes each of them two bytes wide in V8.
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(code, /[^\x00-\x7f]/);
    // Bun looks at the very first line only.
    assert.match(code, /^\/\/ @bun\n\/\*! litelatch /);
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
        url(join(folder, "litelatch.mjs"))
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
  "an installed copy knows the errors of a vendored one by their class",
  options,
  inFolder(async (folder) => {
    // Without it Deno looks into no node_modules.
    writeFileSync(join(folder, "package.json"), "{}\n");
    const laid = join(folder, "node_modules/litelatch");
    fillFolder(laid, await npmFiles());
    await vendor(folder);
    writeFileSync(
      join(folder, "both.mjs"),
      `import * as vendored from "./litelatch.mjs";
import { BusyError, LitelatchError, LockedError } from "litelatch";
if (vendored.LockedError === LockedError) throw new Error("this is one copy");
const locked = (by, error) => [LitelatchError, LockedError, BusyError]
  .map((known) => error instanceof known).join(" ") + " " + by;
const db = vendored.open("both.db");
try {
  vendored.open("both.db", { lock: "exclusive" });
} catch (error) {
  console.log(locked(error.name, error));
}
db.close();
for (const other of [null, "LITELATCH_LOCKED", new Error("no"), { code: 1 }]) {
  console.log(locked(typeof other, other));
}
class Own extends LockedError {}
console.log(new vendored.LockedError("", []) instanceof Own, new Own("", []) instanceof LockedError);
`,
    );
    assert.equal(
      run([...own.command, "both.mjs"], folder),
      "true true false LockedError\n" +
        ["object", "string", "object", "object"]
          .map((kind) => `false false false ${kind}\n`).join("") +
        "false true\n",
    );
  }),
);

test("litelatch vendor knows every entry, and its help too", () => {
  const others = entries().map(({ name }) => name.replace("./", ""))
    .filter((name) => name !== "." && name !== "cli");
  assert.deepEqual([...ENTRIES].sort(), others.sort());
  for (const name of others) assert.ok(help("vendor").includes(`[${name}]`));
});

test(
  "litelatch vendor writes and checks what came with the package",
  options,
  inFolder(async (folder) => {
    const laid = join(folder, "package");
    fillFolder(laid, await npmFiles());
    const command = (...words: string[]): [string, number | null] => {
      const cli = join(laid, "litelatch-cli.mjs");
      const [program = "", ...args] = [...own.command, cli, "vendor", ...words];
      const { stdout, stderr, status } = spawnSync(program, args, {
        encoding: "utf8",
        env: { ...process.env, NO_COLOR: "1" },
      });
      return [status === 2 ? stderr : stdout, status];
    };
    const target = join(folder, "target");
    const files = ["litelatch.mjs", "litelatch.d.mts"];
    const written = files.map((name) => join(target, name));
    assert.deepEqual(command(target), [`${written.join("\n")}\n`, 0]);
    for (const file of written) {
      assert.equal((await checkCopy(file)).judgement, "current");
      assert.deepEqual(command("--check", file), [
        `${file} (0.1.0): current\n`,
        0,
      ]);
    }
    const beside = join(folder, "beside");
    const more = [
      "litelatch-etcd.mjs",
      "litelatch-etcd.d.mts",
      "litelatch-shared.mjs",
    ];
    assert.deepEqual(command(beside, "etcd"), [
      [...files, ...more].map((name) => `${join(beside, name)}\n`).join(""),
      0,
    ]);
    for (const name of more) {
      const path = join(beside, name);
      assert.equal((await checkCopy(path)).judgement, "current");
      assert.deepEqual(command("--check", path), [
        `${path} (0.1.0): current\n`,
        0,
      ]);
    }
    // An entry that is there may need a name that the shared file has no more.
    const migrate = join(beside, "litelatch-migrate.mjs");
    writeFileSync(migrate, "of an older version");
    assert.ok(command(beside, "etcd")[0].includes(migrate));
    assert.equal((await checkCopy(migrate)).judgement, "current");
    const { LockedError } = await import(
      pathToFileURL(join(beside, "litelatch.mjs")).href
    );
    const etcd = await import(pathToFileURL(join(beside, more[0] ?? "")).href);
    assert.equal(etcd.LockedError, LockedError);
    assert.match(command(target, "etc")[0], /"etc", did you mean "etcd"\?/);
    const [file = ""] = written;
    const older = join(target, "litelatch.js");
    copyFileSync(file, older);
    assert.deepEqual(command("--check", older), [
      `${older} (0.1.0): current\n`,
      0,
    ]);
    writeFileSync(file, `${readFileSync(file, "utf8")}// mine\n`);
    assert.deepEqual(command("--check", file), [
      `${file} (0.1.0): edited since it was written\n`,
      1,
    ]);
    assert.deepEqual(readdirSync(target).length, 3); // no draft is left
    if (process.platform !== "win32") {
      const precious = join(folder, "precious");
      writeFileSync(precious, "mine");
      rmSync(file);
      symlinkSync(precious, file);
      assert.deepEqual(command(target), [
        `Cannot write litelatch.mjs into "${target}": what is there must be a ` +
        "file; move it away\n",
        2,
      ]);
      assert.equal(readFileSync(precious, "utf8"), "mine");
      const fifo = join(folder, "fifo");
      spawnSync("mkfifo", [fifo]);
      assert.match(
        command("--check", fifo)[0],
        /^Cannot check .*fifo": it must/,
      );
    }
    rmSync(join(laid, "litelatch.d.mts"));
    rmSync(target, { recursive: true });
    const [excuse, code] = command(target);
    assert.match(
      excuse,
      /^Cannot find litelatch\.d\.mts: it must come with the package/,
    );
    assert.equal(code, 2);
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
      'import { open } from "./litelatch.mjs";\n' +
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
    const file = join(folder, "litelatch.mjs");
    const check = async () => (await checkCopy(file)).judgement;
    assert.equal(await check(), "current");
    const text = readFileSync(file, "utf8");
    // Under the names of before, without the line for Bun, with other line
    // ends: the same file.
    for (const name of ["litelatch.js", "lock.mjs"]) {
      const other = join(folder, name);
      writeFileSync(other, text.replace(/^\/\/ @bun\n/, ""));
      assert.equal((await checkCopy(other)).judgement, "current", name);
    }
    const types = join(folder, "litelatch.d.ts");
    copyFileSync(join(folder, "litelatch.d.mts"), types);
    assert.equal((await checkCopy(types)).judgement, "current");
    writeFileSync(file, text.replaceAll("\n", "\r\n"));
    assert.equal(await check(), "current");
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
