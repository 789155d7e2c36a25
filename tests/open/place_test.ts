import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { acquireLock, open } from "../../mod.ts";
import { Child, elsewhere, fixture } from "../fixtures/children.ts";
import { inFolder, withDatabase } from "../fixtures/folder.ts";
import { missing, needs, notRoot } from "../fixtures/machine.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const program = [...thisRuntime().command, fixture("database_child.ts")];

test(
  "a database that is a mount of its own is refused, one in a mounted folder not",
  {
    skip: notRoot() ||
      missing(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]),
  },
  inFolder(async (folder) => {
    const inside = join(folder, "inside");
    mkdirSync(inside);
    const path = join(inside, "app.db");
    elsewhere(path, "CREATE TABLE t (a)");
    const script = 'mount --bind "$0" "$0" && exec "$@"';
    const answers = await Promise.all([path, inside].map((mount) => {
      const words = ["unshare", "-m", "sh", "-c", script, mount];
      return new Child([...words, ...program]).ask({ do: "open", path });
    }));
    assert.equal(answers[0]?.code, "LITELATCH_UNSUPPORTED");
    assert.match(
      answers[0]?.message ?? "",
      /mount its folder, or lock a file in it/,
    );
    assert.equal(answers[1]?.ok, true, answers[1]?.message);
  }),
);

test(
  "a link to a name that is no UTF-8 leads to no other database",
  { skip: process.platform !== "linux" && "names are no bytes there" },
  inFolder((folder) => {
    // No runtime can spell it; Node and Bun take U+FFFD for what it has.
    const script =
      'name=$(printf "\\377.db") && : >"$name" && ln -s "$name" link';
    const made = spawnSync("sh", ["-c", script], { cwd: folder });
    assert.equal(made.status, 0, `${made.stderr}`);
    assert.throws(() => open(join(folder, "link")), { code: "LITELATCH_OPEN" });
    assert.throws(() => acquireLock(join(folder, "link")), {
      code: "LITELATCH_OPEN",
    });
    assert.equal(readdirSync(folder).length, 2);
    // One that has this very character is a name like any other.
    open(join(folder, "\ufffd.db")).close();
    open(join(folder, "\ufffd.db")).close();
  }),
);

test(
  "in a read-only mount a reader needs no lock",
  {
    skip: notRoot() ||
      missing(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]),
  },
  withDatabase(async (path, folder) => {
    elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (a)");
    const script =
      'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
    const words = ["unshare", "-m", "sh", "-c", script, folder];
    const options = { readOnly: true, lock: "none" };
    const child = new Child([...words, ...program]);
    const answer = await child.ask({ do: "open", path, options });
    assert.equal(answer.ok, true, answer.message);
  }),
);

test(
  "whatever the umask, the files beside a database have its rights",
  { skip: needs("modes") },
  withDatabase(async (path, folder) => {
    elsewhere(path, "CREATE TABLE t (a)");
    chmodSync(path, 0o664);
    const words = ["sh", "-c", 'umask 077 && exec "$@"', "sh"];
    const child = new Child([...words, ...program]);
    const { ok, message } = await child.ask({ do: "open", path });
    assert.equal(ok, true, message);
    await child.ask({ do: "write", sql: "INSERT INTO t VALUES (1)" });
    const modes = readdirSync(folder)
      .map((name) => (statSync(join(folder, name)).mode & 0o777).toString(8));
    // The database, its WAL, the index of that, the lock and the record.
    assert.deepEqual(modes, ["664", "664", "664", "664", "664"]);
  }),
);

test(
  "a name that ends in white space is a file of its own",
  { skip: process.platform === "win32" && "Windows has no such names" },
  inFolder((folder) => {
    const path = join(folder, "app.db");
    for (const end of [" ", "\n", "\t?%20 "]) {
      const db = open(path + end, { lock: "exclusive" });
      db.exec("CREATE TABLE t (x)");
      assert.ok(existsSync(path + end), JSON.stringify(end));
      assert.throws(() => open(`${path}-no${end}`, { create: false }), {
        code: "LITELATCH_OPEN",
      });
      db.close();
      const reader = open(path + end, { readOnly: true });
      assert.throws(() => reader.exec("INSERT INTO t VALUES (1)"));
      reader.close();
    }
    assert.ok(!existsSync(path), "no other file was made");
  }),
);
