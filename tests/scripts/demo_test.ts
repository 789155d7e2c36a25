import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runtimes } from "../fixtures/runtimes.ts";

const DEMO = fileURLToPath(
  new URL("../../scripts/demo/main.ts", import.meta.url),
);

interface Ending {
  code: number | null;
  stdout: string;
  stderr: string;
  /** What it left in its folder for temporary files. */
  left: string[];
}

/** Runs the demo in a pipe; `onText` sees what it has said so far. */
async function runDemo(
  args: string[],
  onText: (text: string, pid: number, folder: string) => void = () => {},
): Promise<Ending> {
  const deno = runtimes().find(({ id }) => id === "deno");
  assert.ok(deno, "the demo needs Deno");
  const [program = "", ...flags] = deno.command;
  const folder = mkdtempSync(join(tmpdir(), "litelatch-demo-test-"));
  // Colours are wished for, but a pipe is no terminal.
  const env: NodeJS.ProcessEnv = { ...process.env, TMPDIR: folder };
  env["TERM"] = "xterm-256color";
  delete env["NO_COLOR"];
  try {
    const child = spawn(program, [...flags, DEMO, ...args], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text) => stderr += text);
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
      onText(stdout, child.pid ?? 0, folder);
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    return { code, stdout, stderr, left: readdirSync(folder) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The cells of one line of the table: hook, timeout, litelatch. */
function row(output: string, label: string): string[] {
  const line = output.split("\n").find((line) => line.startsWith(label));
  assert.ok(line, `no line "${label}" in:\n${output}`);
  return line.slice(label.length).trim().split(/\s{2,}/);
}

/** Processes that have `text` in their command line. */
function processesWith(text: string): string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text);
      } catch {
        return false; // it has just ended
      }
    });
}

test("the demo of one round ends with its table and a refusal", async () => {
  const { code, stdout, stderr, left } = await runDemo(["--rounds", "1"]);
  assert.equal(code, 0, stderr);
  // Nine processes with ten transactions each.
  const acknowledged = row(stdout, "commits acknowledged");
  const found = row(stdout, "commits found in the file");
  assert.equal(acknowledged.length, 3);
  assert.equal(acknowledged[2], "90");
  assert.equal(found[2], acknowledged[2]);
  assert.equal(row(stdout, 'failures: "database is locked"')[2], "0");
  assert.equal(row(stdout, "transactions given up")[2], "0");
  assert.match(stdout, /locked exclusively by PID \d+ \(agent-channel, bun /);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(stdout, /\x1b|\r/, "a pipe gets plain lines");
  const wide = stdout.split("\n\nBun ")[0]?.split("\n")
    .filter((line) => line.length > 80);
  assert.deepEqual(wide, []);
  assert.deepEqual(left, []);
});

test("Ctrl-C ends every process of the demo and leaves no file", {
  skip: process.platform !== "linux" && "looks through /proc",
}, async () => {
  let seen = 0;
  let place = "";
  const { code, stderr, left } = await runDemo(
    ["--rounds", "9999"],
    (text, pid, folder) => {
      // The line about the runtimes comes before the processes do.
      if (place !== "" || !text.includes("share one")) return;
      place = folder;
      const look = setInterval(() => {
        seen = processesWith(`${folder}/`).length;
        if (seen < 9) return;
        clearInterval(look);
        process.kill(pid, "SIGINT");
      }, 20);
    },
  );
  assert.equal(code, 130, stderr);
  assert.ok(seen >= 9, `${seen} processes`);
  assert.deepEqual(left, []);
  assert.deepEqual(processesWith(`${place}/`), []);
});

test("an unknown option of the demo is named with a suggestion", async () => {
  const { code, stderr } = await runDemo(["--round", "3"]);
  assert.equal(code, 2);
  assert.match(stderr, /no option "--round", did you mean "--rounds"\?/);
});
