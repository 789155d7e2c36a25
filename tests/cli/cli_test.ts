import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { VERSION } from "../../src/cli/version.ts";
import type { SeenWait } from "../../src/cli/wait_log.ts";
import type { Tick } from "../../src/cli/watch_picture.ts";
import { Child, elsewhere, otherRuntime, start } from "../fixtures/children.ts";
import { cli, cliOn, MAIN } from "../fixtures/command.ts";
import { inFolder, withDatabase } from "../fixtures/folder.ts";
import { needs } from "../fixtures/machine.ts";
import { runtimes, thisRuntime } from "../fixtures/runtimes.ts";

const CHILD = "database_child.ts";
const COMMANDS = ["doctor", "who", "watch", "checkpoint", "clean", "selftest"];

function assertFits(text: string): void {
  for (const line of text.split("\n")) assert.ok(line.length <= 80, line);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(text, /\x1b/, "colours in a pipe");
}

test("the version is that of deno.json", async () => {
  const config = readFileSync(
    new URL("../../deno.json", import.meta.url),
    "utf8",
  );
  assert.equal(JSON.parse(config).version, VERSION);
  assert.equal(JSON.parse(config).exports["./cli"], "./src/cli/main.ts");
  assert.equal((await cli("--version")).stdout, `${VERSION}\n`);
});

test("help fits on a screen, for each command", async () => {
  const overview = await cli("--help");
  assert.equal(overview.code, 0);
  assertFits(overview.stdout);
  assert.equal((await cli()).code, 2);
  for (const command of [...COMMANDS, "vendor"]) {
    assert.match(overview.stdout, new RegExp(`litelatch ${command} `));
    const { code, stdout } = await cli(command, "--help");
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`^litelatch ${command} `));
    assert.match(stdout, /Exit code: 0/);
    assertFits(stdout);
    assert.ok(stdout.split("\n").length < 24);
  }
});

test("what is typed wrong is told with what was meant, and ends with 2", async () => {
  const cases: [string[], RegExp][] = [
    [["docter", "x.db"], /no command "docter", did you mean "doctor"\?/],
    [["whoo", "x.db"], /did you mean "who"\?/],
    [["doctor", "--jason", "x.db"], /"--jason", did you mean "--json"\?/],
    [["watch", "--tick=3", "x.db"], /"--tick", did you mean "--ticks"\?/],
    [["who", "--ticks=3", "x.db"], /no option "--ticks"/],
    [["who", "--json=false", "x.db"], /"--json" takes no value/],
    [["--help=who"], /"--help" takes no value/],
    [["who"], /`litelatch who` needs the path of a database/],
    [["who", "a", "b"], /takes one path, got "b" besides/],
    [["watch", "a", "--interval=soon"], /must be a number above 0, got "soon"/],
    [["frobnicate", "x"], /no command "frobnicate", known are doctor, who/],
  ];
  for (const [words, expected] of cases) {
    const { code, stdout, stderr } = await cli(...words);
    assert.equal(code, 2, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, expected);
    assert.doesNotMatch(stderr, /\n\s+at /, "a stack trace");
  }
});

test(
  "every runtime gives the same answers",
  withDatabase((path) => {
    elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
    for (const runtime of runtimes()) {
      const who = cliOn(runtime, ["who", path]);
      assert.equal(who.code, 0, who.stderr);
      assert.equal(
        who.stdout.split("\n")[0],
        "Nobody that can be seen from here has it open.",
      );
      const { stdout, code } = cliOn(runtime, ["doctor", "--json", path]);
      const { findings, report } = JSON.parse(stdout);
      const bug = report.sqlite.walResetBug;
      assert.deepEqual(
        findings.map((one: { code: string }) => one.code),
        bug ? ["wal-reset-bug"] : [],
      );
      assert.equal(code, bug ? 1 : 0);
    }
  }),
);

test(
  "what cannot be looked at ends with 2, in words and in JSON",
  inFolder(async (folder) => {
    for (const command of COMMANDS.slice(0, 5)) {
      const path = join(folder, "none.db");
      const { code, stdout, stderr } = await cli(command, path);
      assert.equal(code, 2);
      assert.equal(stdout, "");
      assert.match(stderr, /^Cannot look at ".*none\.db": there is nothing/);
      const json = await cli(command, "--json", path);
      assert.equal(json.code, 2);
      assert.match(JSON.parse(json.stdout).error.message, /there is nothing/);
    }
    assert.equal((await cli("selftest", join(folder, "none"))).code, 2);
    assert.deepEqual(readdirSync(folder), []);
  }),
);

test(
  "watch prints a line per tick in a pipe, and ends when it is told to",
  { skip: needs("signals") },
  withDatabase(async (path) => {
    elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
    const { code, stdout } = await cli(
      "watch",
      "--ticks=3",
      "--interval",
      "0.05",
      path,
    );
    assert.equal(code, 0);
    assertFits(stdout);
    const lines = stdout.trimEnd().split("\n");
    assert.equal(lines.length, 3);
    for (const line of lines) {
      assert.match(
        line,
        /^\d\d:\d\d:\d\d {2}wal 0 B {2}holders 0 {2}commits\/s/,
      );
    }
    const json = await cli(
      "watch",
      "--ticks=2",
      "--interval=0.05",
      "--json",
      path,
    );
    for (const line of json.stdout.trimEnd().split("\n")) {
      assert.equal(JSON.parse(line).limit, 16 * 1024 * 1024);
    }
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      const child = new Child([...thisRuntime().command, MAIN, "watch", path]);
      await child.line();
      // Deno reports whatever its own kill() has sent as the end of a child.
      process.kill(child.pid, signal);
      const ended = await child.ended;
      assert.deepEqual([ended.code, ended.signal, ended.stderr], [0, null, ""]);
    }
  }),
);

test(
  "watch names the longest waits of the last minute, and behind whom they were",
  { skip: process.platform !== "linux" && "needs /proc" },
  withDatabase(async (path) => {
    elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
    const [holder, waiter] = [
      start(thisRuntime(), CHILD),
      start(otherRuntime(), CHILD),
    ];
    const options = { busyTimeout: 60_000 };
    for (const child of [holder, waiter]) {
      await child.ask({ do: "open", path, options });
    }
    await holder.ask({ do: "hold" });
    waiter.say(
      JSON.stringify({ do: "write", sql: "INSERT INTO t VALUES (1)" }),
    );
    const words = ["--interval=0.05", "--ticks=600", "--json", path];
    const watch = new Child([
      ...thisRuntime().command,
      MAIN,
      "watch",
      ...words,
    ]);
    const until = async (is: (tick: Tick) => boolean): Promise<SeenWait[]> => {
      for (;;) {
        const tick = JSON.parse(await watch.line()) as Tick;
        if (is(tick)) return tick.longestWaits;
      }
    };
    const own = ({ pid, behind }: SeenWait) =>
      pid === waiter.pid && behind.includes(holder.pid);
    await until(({ longestWaits }) => longestWaits.some(own));
    await holder.ask({ do: "exec", sql: "COMMIT" });
    assert.equal(JSON.parse(await waiter.line()).ok, true);
    // It is told when it is over, too.
    const after = await until(({ waiting }) => waiting?.length === 0);
    assert.ok(after.some(own), JSON.stringify(after));
    watch.kill("SIGKILL");
    await watch.ended;
  }),
);

test(
  "the reader of a pipe may leave early",
  { skip: process.platform === "win32" && "needs a shell" },
  withDatabase(async (path) => {
    elsewhere(path, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
    const words = [...thisRuntime().command, MAIN, "watch"];
    const script = '"$@" --interval=0.01 --ticks=400 | head -1';
    const child = new Child(["sh", "-c", script, "sh", ...words, path]);
    const { code, stderr, stdout } = await child.ended;
    assert.equal(stderr, "");
    assert.equal(code, 0);
    assert.equal(stdout.trimEnd().split("\n").length, 1);
  }),
);

test(
  "selftest proves it, and leaves nothing",
  inFolder(async (folder) => {
    const { code, stdout, stderr } = await cli("selftest", folder);
    assert.equal(code, 0, stdout + stderr);
    assertFits(stdout);
    assert.equal(stdout.match(/^ok /gm)?.length, 7);
    assert.match(stdout, /Everything works in/);
    assert.deepEqual(readdirSync(folder), []);
    writeFileSync(join(folder, "file"), "");
    assert.equal((await cli("selftest", join(folder, "file"))).code, 2);
  }),
);
