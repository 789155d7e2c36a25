import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { readArguments } from "../../scripts/torture/arguments.ts";
import { callsIn } from "../../scripts/torture/calls.ts";
import { lacking, SQLITE3 } from "../../scripts/torture/machine.ts";
import { report } from "../../scripts/torture/report.ts";
import { run } from "../../scripts/torture/run.ts";
import { episodeSeed, random } from "../../scripts/torture/seed.ts";
import type { Stage, Storm } from "../../scripts/torture/storm.ts";
import { runtimes, thisRuntime } from "../fixtures/runtimes.ts";

const TORTURE = fileURLToPath(
  new URL("../../scripts/torture/main.ts", import.meta.url),
);

test("the same seed gives the same choices, another one others", () => {
  const draw = (...words: (string | number)[]) => {
    const chance = random(...words);
    return Array.from({ length: 20 }, () => chance.between(0, 999)).join(" ");
  };
  assert.equal(draw("kill", 7), draw("kill", 7));
  assert.notEqual(draw("kill", 7), draw("kill", 8));
  assert.notEqual(draw("kill", 7), draw("freeze", 7));
});

test("choices cover their whole range evenly", () => {
  const chance = random("range", 1);
  const counts = new Map<number, number>();
  for (let i = 0; i < 6000; i++) {
    const n = chance.between(1, 6);
    counts.set(n, (counts.get(n) ?? 0) + 1);
  }
  assert.deepEqual([...counts.keys()].sort(), [1, 2, 3, 4, 5, 6]);
  for (const count of counts.values()) assert.ok(count > 800 && count < 1200);
  const all = Array.from({ length: 50 }, (_, i) => i);
  const shuffled = chance.shuffle(all);
  assert.notDeepEqual(shuffled, all);
  assert.deepEqual(shuffled.sort((a, b) => a - b), all);
});

test("an episode can be had again as the first one of a run", () => {
  const third = episodeSeed(7, 2);
  assert.equal(episodeSeed(third, 0), third);
  assert.equal(new Set([0, 1, 2].map((n) => episodeSeed(7, n))).size, 3);
});

test("the command line is read, and what is unknown is named", () => {
  const read = (...words: string[]) => readArguments(words, ["kill", "freeze"]);
  const { minutes, seed, storms } = read(
    "--minutes=0.5",
    "--seed",
    "7",
    "kill",
  );
  assert.deepEqual({ minutes, seed, storms }, {
    minutes: 0.5,
    seed: 7,
    storms: ["kill"],
  });
  assert.deepEqual(read().storms, []);
  assert.throws(() => read("freze"), /no storm "freze", did you mean "freeze"/);
  assert.throws(() => read("--minute"), /did you mean "--minutes"/);
  for (const words of [["--minutes", "0"], ["--minutes"], ["--seed", "x"]]) {
    assert.throws(() => read(...words), /must be a/);
  }
});

test("calls of a recording are counted by name, in the thread of the database", () => {
  const folder = mkdtempSync(join(tmpdir(), "litelatch-calls-"));
  try {
    const recorded = join(folder, "strace");
    const draft = '"/x/app.db.pid-0123456789abcdef.tmp"';
    writeFileSync(
      recorded,
      [
        '7 openat(AT_FDCWD</x>, "/x/app.db", O_RDWR) = 5</x/app.db>',
        '8 openat(AT_FDCWD</x>, "/x", O_RDONLY) = 6</x>',
        "7 fcntl(5</x/app.db>, F_SETLK, {l_type=F_RDLCK}) = 0",
        `7 openat(AT_FDCWD</x>, ${draft}, O_CREAT|O_EXCL) = 6`,
        "7 +++ exited with 0 +++",
        "",
      ].join("\n"),
    );
    const told = (drafts: boolean) =>
      callsIn(recorded, drafts).map(({ name, number, among }) =>
        `${name} ${number} of ${among}`
      );
    assert.deepEqual(told(false), [
      "openat 1 of files",
      "fcntl 1 of files",
      "openat 2 of files",
    ]);
    assert.deepEqual(told(true), ["openat 2 of all"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Runs a storm of one's own. */
async function play(storm: (stage: Stage) => Promise<void>, folder: string) {
  const made: Storm = {
    name: "made-up",
    about: "for this test",
    share: 1,
    episode: 60,
    missing: () => false,
    play: storm,
  };
  const absent = { ...made, name: "absent", missing: () => "there is none" };
  return await run({
    storms: [made, absent],
    seconds: 60,
    seed: 7,
    runtimes: [],
    folder,
    isStopped: () => false,
    onTick: () => {},
  });
}

test("what fails is kept and told, what cannot run is skipped with its reason", async () => {
  const folder = mkdtempSync(join(tmpdir(), "litelatch-run-"));
  try {
    let episodes = 0;
    const results = await play((stage) => {
      stage.count("kills", 3);
      if (++episodes === 2) stage.fail("the second one failed");
      if (episodes === 3) throw new Error("it fell over");
      if (episodes === 4) stage.finish();
      return Promise.resolve();
    }, folder);
    assert.equal(episodes, 4);
    const text = report(results, 7).join("\n");
    assert.match(text, /^made-up +12 /m);
    assert.match(text, /absent: skipped, there is none/);
    assert.match(text, /the second one failed\n.*kept in .*made-up-2\n/);
    const again = `deno task torture --seed ${episodeSeed(7, 1)} made-up`;
    assert.ok(text.includes(again), text);
    assert.match(text, /broke down: Error: it fell over/);
    assert.deepEqual(readdirSync(folder).sort(), ["made-up-2", "made-up-3"]);
    const kept = join(folder, "made-up-2", "what-happened.txt");
    assert.match(readFileSync(kept, "utf8"), /the second one failed/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Starts the command in a pipe, and sends SIGINT once it says something. */
async function interrupt(words: string[], folder: string) {
  const deno = runtimes().find(({ id }) => id === "deno");
  assert.ok(deno);
  const [program = "", ...flags] = deno.command;
  const places = runtimes().map(({ command }) => join(command[0]!, ".."));
  const child = spawn(program, [...flags, TORTURE, ...words], {
    env: {
      ...process.env,
      TMPDIR: folder,
      PATH: [...places, process.env["PATH"]].join(":"),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  child.stderr.resume();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (stdout === "" && child.pid !== undefined) {
      setTimeout(() => process.kill(child.pid!, "SIGINT"), 1500);
    }
    stdout += text;
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  return { code, stdout };
}

test("Ctrl-C ends every process, and the report so far is printed", {
  skip: process.platform !== "linux"
    ? "looks through /proc"
    : thisRuntime().id !== "deno"
    ? "Deno runs it"
    : lacking(SQLITE3),
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "litelatch-torture-test-"));
  try {
    const { code, stdout } = await interrupt(
      ["--minutes", "5", "--seed", "7", "freeze"],
      folder,
    );
    assert.equal(code, 130, stdout);
    assert.match(stdout, /Seed 7\n$/);
    assert.deepEqual(readdirSync(folder), []);
    const left = readdirSync("/proc").filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder);
      } catch {
        return false; // it has just ended, or is no process
      }
    });
    assert.deepEqual(left, []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
