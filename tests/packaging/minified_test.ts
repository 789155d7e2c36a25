import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bundler } from "../../scripts/release/bundle.ts";
import { vendor } from "../../scripts/release/vendor.ts";
import { Child } from "../fixtures/children.ts";
import { inFolder } from "../fixtures/folder.ts";
import { withoutPackages } from "../fixtures/packages.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const PROGRAM = `
import * as litelatch from "./litelatch.mjs";
const path = process.argv[2];
const { acquireLock, adopt, open } = litelatch;
const fail = (run) => {
  try {
    run();
  } catch (error) {
    console.log([error.name, error.code ?? ""].join(" ").trim());
  }
};
fail(() => open(path + "/no/such/folder/x.db"));
const db = open(path + "/app.db");
fail(() => open(path + "/app.db", { lock: "exclusive" }));
const other = open(path + "/app.db", { busyTimeout: 10 });
db.write(() => fail(() => other.write(() => {})));
fail(() => db.backup(path + "/no/such/folder/y.db"));
fail(() => open(path + "/x.db", { tiemout: 1 }));
fail(() => adopt({}));
fail(() => open(":memory:").reopen());
other.close();
fail(() => other.exec("SELECT 1"));
`;

const SAID = `LitelatchError LITELATCH_OPEN
LockedError LITELATCH_LOCKED
BusyError LITELATCH_BUSY
LitelatchError LITELATCH_BACKUP
TypeError
TypeError
UnsupportedError LITELATCH_UNSUPPORTED
LitelatchError LITELATCH_CLOSED
`;

test(
  "errors keep their names in a minified program",
  { skip: withoutPackages },
  inFolder(async (folder) => {
    await vendor(folder);
    writeFileSync(join(folder, "program.mjs"), PROGRAM);
    const out = join(folder, "minified.mjs");
    const { status, stderr } = spawnSync(bundler(), [
      ...["--bundle", "--minify", "--format=esm", "--platform=node"],
      ...[`--outfile=${out}`, join(folder, "program.mjs")],
    ], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    const child = new Child([...thisRuntime().command, out, folder]);
    const { code, stdout, stderr: said } = await child.ended;
    assert.equal(code, 0, said);
    assert.equal(stdout, SAID);
  }),
);
