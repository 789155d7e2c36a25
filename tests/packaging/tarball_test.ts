import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { bundler } from "../../scripts/release/bundle.ts";
import { jsrFiles } from "../../scripts/release/jsr.ts";
import { npmFiles, packed } from "../../scripts/release/npm.ts";
import { differences, fillFolder } from "../../scripts/release/package.ts";
import { manifest } from "../../scripts/release/ship/manifest.ts";
import { serveRegistry } from "../../scripts/release/registry.ts";
import { runChild } from "../../scripts/test/child.ts";
import { packagingTools } from "../../scripts/test/packages.ts";
import { vendor } from "../../scripts/release/vendor.ts";
import { inFolder } from "../fixtures/folder.ts";
import { packages, withoutPackages } from "../fixtures/packages.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";
import { install, INSTALLED } from "./fixtures/tarball.ts";

const fixture = (name: string) =>
  fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const own = thisRuntime();
const options = { skip: withoutPackages };
// What is the same program wherever it runs takes seconds.
const once = {
  skip: withoutPackages || (own.id !== "node" && "it runs on one runtime"),
};
// At most 118 kB are wanted; what was reached shall not grow in silence.
const MOST_PACKED_BYTES = 115_000;

function run(command: readonly string[], cwd: string): string {
  const [program = "", ...args] = command;
  const { stdout, stderr, status } = spawnSync(program, args, {
    encoding: "utf8",
    cwd,
    env: { ...process.env, NO_COLOR: "1" },
  });
  assert.equal(status, 0, stdout + stderr);
  return stdout;
}

const USER = `import { LockedError, open } from "SPECIFIER";
import type { Database, Holder, OpenOptions } from "SPECIFIER";
import { acquireLease, LockedError as LeaseRefused } from "SPECIFIER/etcd";
import { inspect } from "SPECIFIER/inspect";
import { legacyLocks } from "SPECIFIER/legacy";
import { migrate, NewerSchemaError } from "SPECIFIER/migrate";

const options: OpenOptions = { app: "user", busyTimeout: 100 };
const db: Database = open("user.db", options);
const n: number = db.write(() => db.prepare("SELECT 1").all().length);
const pids: (number | null)[] = inspect("user.db").holders.map((h) => h.pid);
try {
  open("user.db", { lock: "exclusive" });
} catch (error) {
  if (!(error instanceof LockedError)) throw error;
  const refused: LeaseRefused = error;
  const holders: Holder[] = refused.holders;
  process.stdout.write(n + " " + holders.length + " " + pids.length + "\\n");
}
export const types: string = typeof acquireLease + typeof legacyLocks;
export const ran: number = migrate(db, [(d) => d.exec("SELECT 1")]);
export const newer: LockedError | NewerSchemaError | null = null;
db.close();
declare const process: { stdout: { write(text: string): void } };
`;
const WRONG = 'open("user.db", { lock: "alone" });\n';
const RESOLUTIONS = {
  nodenext: { module: "nodenext", moduleResolution: "nodenext" },
  bundler: { module: "esnext", moduleResolution: "bundler" },
};

/** A vendored copy has its entries beside it. */
function userOf(specifier: string): string {
  return specifier.endsWith(".mjs")
    ? USER.replaceAll(/SPECIFIER\/(\w+)/g, specifier.replace(".mjs", "-$1.mjs"))
      .replaceAll("SPECIFIER", specifier)
    : USER.replaceAll("SPECIFIER", specifier);
}

/** What tsc complains about in programs that import these. */
function typeCheck(
  folder: string,
  typescript: string,
  specifiers: readonly string[],
  resolution: object,
): string[] {
  const tsc = join(typescript, "node_modules/typescript/bin/tsc");
  const files = specifiers.flatMap((specifier, i) => {
    const user = userOf(specifier);
    writeFileSync(join(folder, `user${i}.ts`), user);
    writeFileSync(join(folder, `wrong${i}.ts`), user + WRONG);
    return [`user${i}.ts`, `wrong${i}.ts`];
  });
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        ...resolution,
        // The oldest that has our private members, with its default library.
        target: "es2022",
        strict: true,
        noEmit: true,
        // Nobody has to have @types/node.
        types: [],
        skipLibCheck: false,
        exactOptionalPropertyTypes: true,
      },
      files,
    }),
  );
  const [program = "", ...args] = [...own.command, tsc, "-p", "."];
  const { stdout } = spawnSync(program, args, {
    cwd: folder,
    encoding: "utf8",
  });
  return stdout.split("\n").filter((line) => line.includes(": error TS"));
}

test(
  "the tarball holds a file and its types for each entry, and the pages",
  options,
  inFolder(async (folder) => {
    await install(folder);
    const names = readdirSync(join(folder, INSTALLED), { recursive: true })
      .map((name) => String(name).replaceAll("\\", "/"));
    const stems = ["", "-cli", "-etcd", "-inspect", "-legacy", "-migrate"];
    assert.deepEqual(
      names.sort(),
      [
        "CHANGELOG.md",
        "LICENSE",
        "README.md",
        "litelatch-commands.mjs",
        "litelatch-shared.mjs",
        "package.json",
        ...stems.map((stem) => `litelatch${stem}.mjs`),
        ...stems.map((stem) => `litelatch${stem}.d.mts`),
      ].sort(),
    );
  }),
);

test(
  "the tarball has at most 115 kB",
  options,
  inFolder(async (folder) => {
    const bytes = statSync(await packed(folder)).size;
    assert.ok(bytes <= MOST_PACKED_BYTES, `${bytes} bytes`);
  }),
);

for (const [name, make] of [["npm", npmFiles], ["JSR", jsrFiles]] as const) {
  test(
    `no file on ${name} imports what is not there`,
    options,
    async () => {
      const files = await make();
      for (const [script, text] of files) {
        if (!/\.m[jt]s$/.test(script)) continue;
        const paths = text.matchAll(/(?:\bfrom|\bimport\(?) ?"\.\/([^"]+)"/g);
        for (const [, path = ""] of paths) {
          assert.ok(files.has(path), `${script}: ${path}`);
        }
      }
      const etcd = files.get("litelatch-etcd.mjs") ?? "";
      assert.match(etcd, /from"\.\/litelatch-shared\.mjs"/);
    },
  );

  test(
    `no page on ${name} links to what is not there`,
    options,
    async () => {
      const files = await make();
      for (const [page, text] of files) {
        if (!page.endsWith(".md")) continue;
        const links = text.matchAll(/\]\((?!\w+:|#)([^)\s#]+)/g);
        for (const [, link = ""] of links) {
          const { pathname } = new URL(link, `https://x/${page}`);
          assert.ok(files.has(pathname.slice(1)), `${page}: ${link}`);
        }
      }
      const whole =
        /\]\(https:\/\/github\.com\/litelatch\/litelatch\/blob\/v[\d.]+\/SECURITY\.md\)/;
      assert.match(files.get("README.md") ?? "", whole);
      assert.equal(files.has("docs/wal.md"), name === "JSR");
    },
  );
}

test(
  "what differs from the package is listed, file by file",
  options,
  inFolder(async (folder) => {
    const files = await npmFiles();
    const filled = join(folder, "npm");
    fillFolder(filled, new Map([["litelatch.mjs", "of before"]]));
    fillFolder(filled, files);
    assert.deepEqual(differences(filled, files), []);
    mkdirSync(join(filled, "docs"));
    writeFileSync(join(filled, "docs/more.md"), "");
    writeFileSync(join(filled, "litelatch.mjs"), "");
    const more = new Map([...files, ["missing.mjs", ""]]);
    assert.deepEqual(differences(filled, more), [
      "more: docs/more.md",
      "differs: litelatch.mjs",
      "missing: missing.mjs",
    ]);
  }),
);

test(
  "the installed tarball does all that the library does",
  options,
  inFolder(async (folder) => {
    await install(folder);
    copyFileSync(fixture("smoke.js"), join(folder, "smoke.js"));
    assert.equal(
      run([...own.command, "smoke.js", "litelatch", folder], folder),
      "smoke: all is well\n",
    );
  }),
);

for (const type of ["commonjs", "module"] as const) {
  test(
    `a ${type} package requires every entry, with one class of each error`,
    options,
    inFolder(async (folder) => {
      await install(folder, type);
      copyFileSync(fixture("formats.cjs"), join(folder, "formats.cjs"));
      assert.equal(
        run([...own.command, "formats.cjs"], folder),
        "formats: all is well\n",
      );
    }),
  );
}

test(
  "a TypeScript program uses the installed tarball, whose command runs",
  options,
  inFolder(async (folder) => {
    await install(folder);
    writeFileSync(join(folder, "user.ts"), userOf("litelatch"));
    assert.equal(run([...own.command, "user.ts"], folder), "1 1 1\n");
    const json = JSON.parse(
      readFileSync(join(folder, INSTALLED, "package.json"), "utf8"),
    );
    const cli = [...own.command, join(INSTALLED, json.bin.litelatch)];
    assert.equal(
      run([...cli, "--version"], folder),
      `${manifest().version}\n`,
    );
    const who = run([...cli, "who", "--json", "user.db"], folder);
    assert.deepEqual(JSON.parse(who).holders, []);
  }),
);

test(
  "Deno takes the tarball from a registry, its command too",
  {
    skip: withoutPackages || (own.id !== "deno" && "this is about Deno"),
  },
  inFolder(async (folder) => {
    const registry = await serveRegistry(await packed(folder));
    const env = {
      DENO_DIR: join(folder, "deno"),
      NPM_CONFIG_REGISTRY: registry.url,
    };
    copyFileSync(fixture("smoke.js"), join(folder, "smoke.js"));
    const deno = [...own.command, "--no-config"];
    const tries = [
      {
        words: [join(folder, "smoke.js"), "npm:litelatch", folder],
        ends: "smoke: all is well\n",
      },
      {
        words: ["npm:litelatch", "--version"],
        ends: `${manifest().version}\n`,
      },
    ];
    try {
      for (const { words, ends } of tries) {
        const { code, output } = await runChild(
          [...deno, ...words],
          60_000,
          env,
        );
        assert.equal(code, 0, output);
        assert.ok(output.endsWith(ends), output);
      }
    } finally {
      registry.close();
    }
  }),
);

test(
  "the command says what it is without any other file of the package",
  options,
  inFolder(async (folder) => {
    const name = "litelatch-cli.mjs";
    writeFileSync(join(folder, name), (await npmFiles()).get(name) ?? "");
    const said = run([...own.command, name, "--version"], folder);
    assert.equal(said, `${manifest().version}\n`);
    assert.match(run([...own.command, name, "--help"], folder), /doctor DB/);
    assert.match(run([...own.command, name, "who", "-h"], folder), /who DB/);
  }),
);

test(
  "npm puts the command on PATH",
  {
    skip: once.skip ||
      (process.platform === "win32" && "there it is a .cmd file"),
  },
  inFolder(async (folder) => {
    await install(folder);
    const path = join(folder, "node_modules/.bin/litelatch");
    // Its first line asks for `node`, whichever is on PATH.
    const env = { ...process.env, PATH: `${join(own.command[0] ?? "", "..")}` };
    const { stdout, stderr } = spawnSync(path, ["--version"], {
      encoding: "utf8",
      env: { ...env, PATH: `${env.PATH}:/usr/bin:/bin` },
    });
    assert.equal(stdout, `${manifest().version}\n`, stderr);
  }),
);

for (
  const [major, typescript] of [[5, packages], [7, packagingTools]] as const
) {
  test(
    `TypeScript ${major} finds the types of tarball and vendored file`,
    once,
    inFolder(async (folder) => {
      await install(folder);
      await vendor(join(folder, "vendor"), [
        "etcd",
        "inspect",
        "legacy",
        "migrate",
      ]);
      const specifiers = ["litelatch", "./vendor/litelatch.mjs"];
      for (const [name, how] of Object.entries(RESOLUTIONS)) {
        const errors = typeCheck(folder, typescript(), specifiers, how);
        const said = `${name}: ${errors.join("\n")}`;
        assert.equal(errors.length, 2, said);
        assert.match(errors[0] ?? "", /^wrong0\.ts.*"alone"/);
        assert.match(errors[1] ?? "", /^wrong1\.ts.*"alone"/);
      }
    }),
  );
}

test(
  "publint and Are the types wrong? find nothing",
  once,
  inFolder(async (folder) => {
    const tarball = await packed(folder);
    const modules = join(packagingTools(), "node_modules");
    run([
      ...own.command,
      join(modules, "publint/src/cli.js"),
      "run",
      "--strict",
      tarball,
    ], folder);
    run([
      ...own.command,
      join(modules, "@arethetypeswrong/cli/dist/index.js"),
      tarball,
      // Node 10 knows no `exports`, and no node:sqlite either. CommonJS gets
      // the ES module, which Node requires from 22.12 on.
      "--profile=node16",
      "--ignore-rules=cjs-resolves-to-esm",
    ], folder);
  }),
);

const PROGRAM = `import { LockedError, open } from "litelatch";
import { acquireLease } from "litelatch/etcd";
const db = open("bundled.db");
try {
  open("bundled.db", { lock: "exclusive" });
} catch (error) {
  console.log(error instanceof LockedError, error.name, error.code);
}
db.close();
acquireLease("x", { endpoints: ["http://127.0.0.1:1"] }).catch((error) =>
  console.log(error.name, error.code)
);
`;
const SAID = "true LockedError LITELATCH_LOCKED\n" +
  "LitelatchError LITELATCH_ETCD\n";

test(
  "a program bundled and minified, in both formats, has its errors by name",
  options,
  inFolder(async (folder) => {
    await install(folder);
    writeFileSync(join(folder, "program.mjs"), PROGRAM);
    for (const [format, out] of [["esm", "out.mjs"], ["cjs", "out.cjs"]]) {
      run([
        bundler(),
        "program.mjs",
        "--bundle",
        "--minify",
        "--platform=node",
        `--format=${format}`,
        `--outfile=${out}`,
        "--log-level=error",
      ], folder);
      assert.equal(run([...own.command, out ?? ""], folder), SAID, format);
    }
    if (own.id !== "bun") return;
    const bun = own.command[0] ?? "";
    for (const target of ["bun", "node"]) {
      run(
        [bun, "build", "--minify", `--target=${target}`, "program.mjs"].concat(
          "--outfile=bun.mjs",
        ),
        folder,
      );
      assert.equal(run([bun, "bun.mjs"], folder), SAID, target);
    }
  }),
);
