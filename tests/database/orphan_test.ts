import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { open } from "../../mod.ts";
import { Child, start } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import {
  runtimes,
  type TestRuntime,
  thisRuntime,
} from "../fixtures/runtimes.ts";
import { pause, until } from "../fixtures/until.ts";

const SERVER = fileURLToPath(
  new URL("fixtures/orphan_server.ts", import.meta.url),
);
const PARENT = fileURLToPath(
  new URL("fixtures/orphan_parent.ts", import.meta.url),
);
const ALIVE = new URL("fixtures/alive.ts", import.meta.url);
const own = thisRuntime();

/**
 * The server's command; on Deno with no more than the folder, but for Windows,
 * where a parent has to be asked whether it is there.
 */
function server(
  runtime: TestRuntime,
  path: string,
  ...args: string[]
): string[] {
  const folder = dirname(path);
  const narrow = runtime.id === "deno" && process.platform !== "win32"
    ? [
      runtime.command[0] as string,
      "run",
      "--no-prompt",
      `--allow-read=${folder}`,
      `--allow-write=${folder}`,
    ]
    : [...runtime.command];
  return [...narrow, SERVER, path, ...args];
}

function pidfiles(path: string): string[] {
  const name = `${basename(path)}.pid`;
  return readdirSync(dirname(path)).filter((file) => file.startsWith(name));
}

test(
  "a server whose parent was killed closes and exits",
  withDatabase(async (path) => {
    const parent = new Child([
      ...own.command,
      PARENT,
      "ignore",
      ...server(own, path, "watch", "", "90000"),
    ]);
    const lines = [await parent.line(), await parent.line()].sort();
    assert.match(lines[0] ?? "", /^child /);
    assert.match(lines[1] ?? "", /^serving /);
    assert.equal(pidfiles(path).length, 1);
    // After more than one look at its parent.
    await pause(2500);
    parent.kill("SIGKILL");
    // Its pidfile goes when it closes; killed it would leave it behind.
    await until("it has closed", () => pidfiles(path).length === 0, 50);
    await until("it has gone", () => !existsSync(`${path}-wal`), 50);
    // It says so after all that, and the line has to come here.
    await until("it says so", () => parent.lines.length > 2, 50);
    assert.deepEqual(parent.lines.slice(2), ["exit 0"]);
    assert.equal(query(path, "SELECT count(*) FROM t"), "1");
  }),
);

test(
  "a server stays when nobody asked for that",
  withDatabase(async (path) => {
    const parent = new Child([
      ...own.command,
      PARENT,
      "ignore",
      ...server(own, path, "", "", "3000"),
    ]);
    await parent.line();
    await parent.line();
    parent.kill("SIGKILL");
    assert.equal(await parent.line(), "outlived");
    assert.equal(await parent.line(), "exit 0");
  }),
);

test(
  "a server whose stdin has ended closes and exits, if it reads it",
  withDatabase(async (path) => {
    const child = new Child(server(own, path, "watch", "read", "90000"));
    assert.match(await child.line(), /^serving /);
    child.end();
    const { code, stdout } = await child.ended;
    assert.equal(code, 0);
    assert.match(stdout, /exit 0/);
    assert.ok(!stdout.includes("outlived"));
    assert.deepEqual(pidfiles(path), []);
  }),
);

for (const way of ["lines", "loop", "web"]) {
  test(
    `the end of stdin is seen and no input taken when it is read by ${way}`,
    withDatabase(async (path) => {
      const child = new Child([...own.command, SERVER, path, "watch", way]);
      assert.match(await child.line(), /^serving /);
      for (const word of ["one", "two", "three"]) {
        child.say(word);
        assert.equal(await child.line(), `got ${word}`);
      }
      child.end();
      const { code, stdout } = await child.ended;
      assert.equal(code, 0);
      assert.match(stdout, /exit 0/);
      assert.deepEqual(pidfiles(path), []);
    }),
  );
}

test(
  "nothing of an open database keeps the process alive",
  withDatabase(async (path) => {
    for (const watch of ["watch", ""]) {
      const child = new Child(server(own, path, watch, "", "0"));
      assert.match(await child.line(), /^serving /);
      // Its stdin is open all the time.
      const { code, stdout } = await child.ended;
      assert.equal(code, 0);
      assert.match(stdout, /exit 0/);
    }
    const child = start(own, ALIVE, path);
    assert.equal(await child.line(), "open");
    assert.equal((await child.ended).code, 0);
  }),
);

const EVENTS = ["exit", "SIGINT", "SIGTERM", "SIGHUP", "warning"];

function traces(): Record<string, unknown> {
  return {
    timers: resources().filter((name) => /Timeout|Timer|Immediate/.test(name)),
    listeners: EVENTS.map((event) => process.listenerCount(event)),
    stdin: ["end", "close", "data", "readable"]
      .map((event) => process.stdin.listenerCount(event)),
  };
}

/** Also timers that keep nothing alive are none of these: see the next test. */
function resources(): string[] {
  const { getActiveResourcesInfo } = process as {
    getActiveResourcesInfo?: () => string[];
  };
  return getActiveResourcesInfo?.call(process) ?? [];
}

test(
  "close() leaves no listener and no active handle behind",
  withDatabase((path) => {
    // The stream itself is made on first use.
    void process.stdin;
    const before = traces();
    for (let i = 0; i < 20; i++) {
      const db = open(path, { heartbeat: 50, exitWithParent: true });
      db.onChange(() => {}, { every: 50 });
      db.close();
    }
    assert.deepEqual(traces(), before);
  }),
);

test(
  "close() leaves no timer behind, not even one that keeps nothing alive",
  withDatabase(async (path) => {
    const { setInterval, setTimeout, clearInterval, clearTimeout } = globalThis;
    const running = new Set<unknown>();
    const noting =
      (set: (...args: never[]) => unknown) => (...args: never[]) => {
        const timer = set(...args) as { close(): void };
        const { close } = timer;
        timer.close = () => {
          running.delete(timer);
          close.call(timer);
        };
        running.add(timer);
        return timer;
      };
    const dropping = (clear: (timer: never) => void) => (timer: never) => {
      running.delete(timer);
      clear(timer);
    };
    Object.assign(globalThis, {
      setInterval: noting(setInterval as never),
      setTimeout: noting(setTimeout as never),
      clearInterval: dropping(clearInterval as never),
      clearTimeout: dropping(clearTimeout as never),
    });
    try {
      const db = open(path, { heartbeat: 50, exitWithParent: true });
      db.onChange(() => {}, { every: 50 });
      assert.ok(running.size >= 4, `${running.size} timers`);
      db.close();
      assert.equal(running.size, 0);
    } finally {
      Object.assign(globalThis, {
        setInterval,
        setTimeout,
        clearInterval,
        clearTimeout,
      });
    }
    await pause(1);
  }),
);

test(
  "servers of every runtime notice a killed parent of another one",
  withDatabase(async (path) => {
    const all = runtimes();
    const parents = all.map((runtime, i) =>
      new Child([
        ...runtime.command,
        PARENT,
        "pipe",
        ...server(
          all[(i + 1) % all.length] as TestRuntime,
          path,
          "watch",
          "read",
          "90000",
        ),
      ])
    );
    for (const parent of parents) {
      await parent.line();
      await parent.line();
    }
    assert.equal(pidfiles(path).length, all.length);
    for (const parent of parents) parent.kill("SIGKILL");
    await until("all have closed", () => pidfiles(path).length === 0, 50);
  }),
);
