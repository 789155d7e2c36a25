import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { manifest } from "../../scripts/release/ship/manifest.ts";
import { vendor } from "../../scripts/release/vendor.ts";
import { inFolder } from "../fixtures/folder.ts";
import { packages, withoutPackages } from "../fixtures/packages.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";
import { install, INSTALLED, pack } from "./fixtures/tarball.ts";

const SMOKE = fileURLToPath(new URL("fixtures/smoke.js", import.meta.url));
const own = thisRuntime();
const options = { skip: withoutPackages };
// tsc takes seconds, and is the same program wherever it runs.
const once = {
  skip: withoutPackages || (own.id !== "node" && "tsc runs on one runtime"),
};

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

const options: OpenOptions = { app: "user", busyTimeout: 100 };
const db: Database = open("user.db", options);
const n: number = db.write(() => db.prepare("SELECT 1").all().length);
try {
  open("user.db", { lock: "exclusive" });
} catch (error) {
  const holders: Holder[] = error instanceof LockedError ? error.holders : [];
  console.log(n, holders.length);
}
db.close();
`;
const WRONG = 'open("user.db", { lock: "alone" });\n';
const RESOLUTIONS = {
  nodenext: { module: "nodenext", moduleResolution: "nodenext" },
  bundler: { module: "esnext", moduleResolution: "bundler" },
};

/** What tsc complains about in programs that import these. */
function typeCheck(
  folder: string,
  specifiers: readonly string[],
  resolution: object,
): string[] {
  const tsc = join(packages(), "node_modules/typescript/bin/tsc");
  const files = specifiers.flatMap((specifier, i) => {
    const user = USER.replaceAll("SPECIFIER", specifier);
    writeFileSync(join(folder, `user${i}.ts`), user);
    writeFileSync(join(folder, `wrong${i}.ts`), user + WRONG);
    return [`user${i}.ts`, `wrong${i}.ts`];
  });
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        ...resolution,
        target: "es2022",
        lib: ["esnext"],
        strict: true,
        noEmit: true,
        typeRoots: [join(packages(), "node_modules/@types")],
        types: ["node"],
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
  "the tarball holds the code, its types, the README and the licence alone",
  options,
  inFolder((folder) => {
    install(pack(folder), folder);
    const names = readdirSync(join(folder, INSTALLED), { recursive: true })
      .map((name) => String(name).replaceAll("\\", "/"));
    const strange = names.filter((name) =>
      !/^(src(\/.+)?|mod)(\.d\.ts|\.js)?$|^package\.json$/.test(name) &&
      !["README.md", "LICENSE"].includes(name)
    );
    assert.deepEqual(strange, []);
    assert.ok(names.includes("mod.d.ts") && names.includes("LICENSE"));
    const json = JSON.parse(
      readFileSync(join(folder, INSTALLED, "package.json"), "utf8"),
    );
    for (const key of ["scripts", "dependencies", "optionalDependencies"]) {
      assert.deepEqual(json[key] ?? {}, {}, key);
    }
  }),
);

test(
  "the installed tarball does all that the library does",
  options,
  inFolder((folder) => {
    install(pack(folder), folder);
    copyFileSync(SMOKE, join(folder, "smoke.js"));
    assert.equal(
      run(
        [...own.command, "smoke.js", "@litelatch/litelatch", folder],
        folder,
      ),
      "smoke: all is well\n",
    );
  }),
);

test(
  "a TypeScript program uses the installed tarball, whose command runs",
  options,
  inFolder((folder) => {
    install(pack(folder), folder);
    const user = USER.replaceAll("SPECIFIER", "@litelatch/litelatch");
    writeFileSync(join(folder, "user.ts"), user);
    assert.equal(run([...own.command, "user.ts"], folder), "1 1\n");
    // `deno pack` writes no "bin"; in the npm package this is `litelatch`.
    const cli = [...own.command, join(INSTALLED, "src/cli/main.js")];
    assert.equal(
      run([...cli, "--version"], folder),
      `${manifest().version}\n`,
    );
    const who = run([...cli, "who", "--json", "user.db"], folder);
    assert.deepEqual(JSON.parse(who).holders, []);
  }),
);

test(
  "the types of tarball and vendored file resolve with nodenext and bundler",
  once,
  inFolder(async (folder) => {
    install(pack(folder), folder);
    mkdirSync(join(folder, "vendor"));
    await vendor(join(folder, "vendor"));
    const specifiers = ["@litelatch/litelatch", "./vendor/litelatch.js"];
    for (const [name, resolution] of Object.entries(RESOLUTIONS)) {
      const errors = typeCheck(folder, specifiers, resolution);
      assert.equal(errors.length, 2, `${name}: ${errors.join("\n")}`);
      assert.match(errors[0] ?? "", /^wrong0\.ts.*"alone"/);
      assert.match(errors[1] ?? "", /^wrong1\.ts.*"alone"/);
    }
  }),
);
