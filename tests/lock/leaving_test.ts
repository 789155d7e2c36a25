import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { assertWon } from "../fixtures/lock_processes.ts";
import { defaultSignals, needs } from "../fixtures/machine.ts";
import {
  runtimes,
  type TestRuntime,
  thisRuntime,
} from "../fixtures/runtimes.ts";
import { Company } from "./fixtures/company.ts";

const LEAVE = fileURLToPath(new URL("fixtures/leave.ts", import.meta.url));
const company = new Company();
const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** How it left, and what it said. */
interface Left {
  code: number | null;
  signal: string | null;
  lines: string[];
}

/** Runs the program; a signal is sent once it is ready for one. */
function leave(
  kind: TestRuntime,
  path: string,
  way: string,
  signal?: NodeJS.Signals,
): Promise<Left> {
  const [program = "", ...words] = [...defaultSignals(), ...kind.command];
  const child = spawn(program, [...words, LEAVE, path, way]);
  let text = "";
  let sent = false;
  child.stdin.on("error", () => {});
  child.stdout.on("data", (data) => {
    text += data;
    if (sent || signal === undefined || !text.includes("ready\n")) return;
    sent = true;
    // Deno's own child.kill() has the child end by that signal in any case.
    process.kill(child.pid!, signal);
    child.stdin.end();
  });
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      resolve({ code, signal, lines: text.trim().split("\n") });
    });
  });
}

/**
 * On every runtime; afterwards the lock must be free. `turn` is another number
 * for every pair of runtimes, so that all runs together try every combination.
 */
async function each(
  play: (kind: TestRuntime, path: string, turn: number) => Promise<void>,
): Promise<void> {
  const own = runtimes().findIndex(({ id }) => id === thisRuntime().id);
  await Promise.all(
    runtimes().map(async (kind, i) => {
      const path = company.newPath();
      await play(kind, path, own + i);
      const { child } = company.members[i]!;
      assertWon(await child.ask({ do: "acquire", as: path, path }));
    }),
  );
}

test("a held lock does not keep a program alive", () =>
  each(async (kind, path) => {
    for (const way of ["fall off", "release"]) {
      const left = await leave(kind, path, way);
      assert.deepEqual(left, { code: 0, signal: null, lines: [""] });
      assert.equal(existsSync(`${path}.pid`), false, kind.label);
    }
  }));

test("process.exit takes the pidfile away, and keeps its code", () =>
  each(async (kind, path) => {
    const left = await leave(kind, path, "exit");
    assert.deepEqual(left, { code: 3, signal: null, lines: [""] });
    assert.equal(existsSync(`${path}.pid`), false, kind.label);
  }));

test("an error that nobody catches ends the lock with the process", () =>
  each(async (kind, path) => {
    const left = await leave(kind, path, "throw");
    assert.equal(left.code, 1, kind.label);
  }));

test("a signal kills as it would have, and the record blocks nobody", {
  skip: needs("signals"),
}, () =>
  each(async (kind, path, turn) => {
    const signal = signals[turn % signals.length]!;
    const left = await leave(kind, path, "wait", signal);
    const lines = ["ready"];
    assert.deepEqual(left, { code: null, signal, lines }, kind.label);
    // Nobody catches the signal, so nobody takes the record away.
    assert.equal(existsSync(`${path}.pid`), true, kind.label);
  }));

test("a program with a listener of its own keeps the lock", {
  skip: needs("signals"),
}, () =>
  each(async (kind, path, turn) => {
    const way = [
      "on before",
      "on after",
      "once before",
      "once after",
    ][turn % 4]!;
    const signal = signals[turn % signals.length]!;
    const left = await leave(kind, path, way, signal);
    const said = [`own listener, pidfile there`, "later, pidfile there"];
    const lines = ["ready", ...said];
    assert.deepEqual(left, { code: 7, signal: null, lines }, kind.label + way);
    assert.equal(existsSync(`${path}.pid`), false, kind.label);
  }));

test("a signal that was ignored before is still ignored", {
  skip: process.platform !== "linux" && "only Linux tells what is ignored",
}, () =>
  each(async (kind, path) => {
    // Node takes every signal's default back at its start.
    if (kind.id.startsWith("node")) return;
    // As nohup does it.
    const prefix = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh"];
    const ignoring = { ...kind, command: [...prefix, ...kind.command] };
    const left = await leave(ignoring, path, "wait for stdin", "SIGHUP");
    const lines = ["ready", "survived"];
    assert.deepEqual(left, { code: 0, signal: null, lines }, kind.label);
  }));
