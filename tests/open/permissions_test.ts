import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { open } from "../../mod.ts";
import { Child, elsewhere, fixture } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { asNobody } from "../fixtures/nobody.ts";
import { runtimes, thisRuntime } from "../fixtures/runtimes.ts";

const CHILD = fileURLToPath(
  new URL("fixtures/permission_child.ts", import.meta.url),
);
const ROOT = process.getuid?.() === 0 &&
  spawnSync("setpriv", ["--version"]).status === 0;
const deno = runtimes().find(({ id }) => id === "deno");

test(
  "Deno needs only read and write on the folder of the database",
  { skip: deno === undefined ? "Deno is not here" : false },
  withDatabase(async (path, folder) => {
    writeFileSync(`${path}.txt`, "this is no database".repeat(99));
    const asked = join(folder, "asked");
    const start = (env = {}) =>
      new Child([
        deno?.command[0] as string,
        "run",
        "--no-prompt",
        `--allow-read=${folder}`,
        `--allow-write=${folder}`,
        CHILD,
        path,
      ], env);
    const child = start({ DENO_AUDIT_PERMISSIONS: asked });
    assert.equal(await child.line(), "refused here");
    assert.equal(await child.line(), "held");
    const other = await start().ended;
    assert.equal(other.code, 1);
    assert.match(other.stderr, /LockedError/);
    assert.match(other.stderr, new RegExp(`exclusively by PID ${child.pid} `));
    child.say("go on");
    assert.match(await child.line(), /only with --allow-all/);
    const { code, stderr } = await child.ended;
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(query(path, "SELECT group_concat(a) FROM t"), "1,2");
    // In a terminal each further one would be a question to the user.
    const asking = readFileSync(asked, "utf8").trim().split("\n")
      .map((line) => JSON.parse(line) as { permission: string; value: string });
    assert.ok(asking.length > 0);
    const more = asking.filter(({ permission, value }) =>
      !/^(read|write)$/.test(permission) || !value.startsWith(folder)
    );
    assert.deepEqual(more, []);
  }),
);

test(
  "Node needs only read and write, also for a backup, and files keep their mode",
  { skip: !thisRuntime().id.startsWith("node") && "a matter of Node" },
  withDatabase(async (path, folder) => {
    elsewhere(path, "CREATE TABLE u (a)");
    chmodSync(path, 0o640);
    // Windows has one bit of it.
    const asked = statSync(path).mode;
    const flags = ["--allow-fs-read=*", `--allow-fs-write=${folder}/*`];
    const [program, ...rest] = thisRuntime().command;
    const umask = process.umask(0o022);
    const child = new Child([
      ...[program as string, "--permission", ...flags, ...rest],
      ...[CHILD, path],
    ]);
    process.umask(umask);
    assert.equal(await child.line(), "refused here");
    assert.equal(await child.line(), "held");
    const { mode } = statSync(`${path}.lock`);
    child.say("go on");
    assert.equal(await child.line(), "copied");
    const { code, stderr } = await child.ended;
    assert.equal(code, 0, stderr);
    assert.equal(query(`${path}-copy.db`, "SELECT count(*) FROM t"), "2");
    assert.equal(mode.toString(8), asked.toString(8));
  }),
);

test(
  "root and those of the group may open what somebody else owns",
  { skip: !ROOT && "only root can be several users, with setpriv" },
  withDatabase((path, folder) => {
    elsewhere(path, "CREATE TABLE t (a)");
    const [uid, gid] = [65534, 65533];
    chownSync(path, uid, gid);
    chmodSync(path, 0o640);
    open(path, { heartbeat: false }).close();
    assert.equal(statSync(`${path}.lock`).uid, uid);
    chownSync(path, 0, gid);
    chmodSync(path, 0o664);
    chownSync(`${path}.lock`, 0, gid);
    chmodSync(`${path}.lock`, 0o664);
    chmodSync(folder, 0o777);
    const { command, options, remove } = asNobody(
      thisRuntime().command,
      fixture("database_child.ts"),
    );
    const { stdout, stderr } = spawnSync("setpriv", [
      ...["--reuid", `${uid}`, "--regid", `${uid}`, "--groups", `${gid}`],
      ...command,
    ], {
      env: options.env,
      cwd: options.cwd,
      encoding: "utf8",
      input: `${JSON.stringify({ do: "open", path })}\n`,
    });
    remove();
    assert.match(stdout, /^{"ok":true/, stderr);
  }),
);
