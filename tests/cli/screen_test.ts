import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { acquireLock, open } from "../../mod.ts";
import { wrap } from "../../src/cli/screen.ts";
import { elsewhere } from "../fixtures/children.ts";
import { cli, cliOn, MAIN } from "../fixtures/command.ts";
import { inFolder } from "../fixtures/folder.ts";
import { SQLITE3, startSqlite3 } from "../fixtures/holding.ts";
import { needs } from "../fixtures/machine.ts";
import { runtimes, thisRuntime } from "../fixtures/runtimes.ts";

const NASTY = "\x1b[2J\x1b]0;x\x07\r\x9b31m\u202eevil\u2066\u200b\u2028";
const windows = needs("names");

/** Nothing that moves a cursor, hides or reorders; not even in JSON. */
function assertHarmless(text: string): void {
  const bad = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/u.exec(text);
  assert.equal(bad, null, `U+${bad?.[0].codePointAt(0)?.toString(16)}`);
}

test(
  "no name, path or record reaches a screen as it is",
  { skip: windows },
  inFolder(async (folder) => {
    const sub = join(folder, `sub${NASTY}`);
    mkdirSync(sub);
    const path = join(sub, `app${NASTY}.db`);
    const db = open(path, { app: NASTY, purpose: NASTY, lock: "exclusive" });
    db.exec("CREATE TABLE t (x)");
    const commands = [
      ["who", path],
      ["doctor", path],
      ["clean", path],
      ["checkpoint", path],
      ["watch", "--ticks=1", path],
      ["selftest", join(sub, "none")],
      ["vendor", "--check", path],
      ["doctor", join(sub, "none")],
      [NASTY],
      ["who", `--${NASTY}`, path],
    ];
    for (const words of commands) {
      for (const json of [[], ["--json"]]) {
        const { stdout, stderr } = await cli(...words, ...json);
        assertHarmless(stdout + stderr);
        assert.ok((stdout + stderr).length > 0, words[0]);
      }
    }
    // JSON says the same as ever.
    const { stdout } = await cli("who", "--json", path);
    assert.equal(JSON.parse(stdout).path, path);
    db.close();
  }),
);

test(
  "the password of a URL that was typed as a path is not shown",
  inFolder(async (folder) => {
    const url = "postgres://app:a-secret.17@host/x";
    const commands = [
      ...["who", "doctor", "clean", "watch"].map((name) => [name, url]),
      ...["checkpoint", "selftest"].map((name) => [name, url]),
      ["vendor", "--check", url],
      ["who", folder, url],
      [url],
      ["who", `--${url}`],
    ];
    for (const words of commands) {
      for (const json of [[], ["--json"]]) {
        const { stdout, stderr, code } = await cli(...words, ...json);
        assert.equal(code, 2, words.join(" "));
        assert.doesNotMatch(stdout + stderr, /secret/, words.join(" "));
        assert.match(stdout + stderr, /postgres:\/+app:\?@host/);
      }
    }
  }),
);

test(
  "what the command line of another program says stays there",
  { skip: needs("/proc") || (SQLITE3 === undefined && "needs sqlite3") },
  inFolder(async (folder) => {
    const path = join(folder, "app.db");
    elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
    const stranger = startSqlite3(path);
    await stranger.run("BEGIN IMMEDIATE");
    const { stdout } = await cli("doctor", "--json", path);
    assert.doesNotMatch(stdout, /-batch/);
    const [row] = (await cli("who", path)).stdout.split("\n").slice(1);
    assert.match(row ?? "", / sqlite3 /);
    await stranger.run("COMMIT");
  }),
);

test(
  "a lock on a folder or a file is looked at and cleaned as well",
  inFolder(async (place) => {
    const folder = join(place, "folder");
    mkdirSync(folder);
    const lock = acquireLock(folder, { app: "builder" });
    for (const runtime of runtimes()) {
      const who = cliOn(runtime, ["who", folder]);
      assert.equal(who.code, 0, who.stderr);
      assert.match(who.stdout, new RegExp(`${process.pid} +builder`));
      assert.equal(cliOn(runtime, ["clean", folder]).code, 1);
    }
    lock.release();
    assert.equal((await cli("clean", folder)).code, 0);
  }),
);

const FULL = "/dev/full";

test(
  "what cannot be printed is told in one line, is no finding, and leaves nothing",
  { skip: existsSync(FULL) ? false : `needs ${FULL}` },
  inFolder((folder) => {
    const path = join(folder, "app.db");
    open(path).close();
    const full = openSync(FULL, "w");
    const { command: [program = "", ...flags] } = thisRuntime();
    for (const words of [["doctor", path], ["selftest", folder]]) {
      const { status, stderr } = spawnSync(
        program,
        [...flags, MAIN, ...words],
        { stdio: ["ignore", full, "pipe"], encoding: "utf8" },
      );
      assert.match(stderr, /^Cannot write to standard output: .*\n$/);
      assert.equal(status, 2);
    }
    closeSync(full);
    const left = readdirSync(folder).filter((name) => /selftest/.test(name));
    assert.deepEqual(left, []);
  }),
);

test(
  "the narrowest terminal gets all words, a character a line if need be",
  () => {
    const text = "to be seen";
    for (let columns = 1; columns < 14; columns++) {
      const lines = wrap(text, columns, 11).split("\n");
      assert.equal(lines.join("").replace(/\s/g, ""), "tobeseen");
    }
  },
);
