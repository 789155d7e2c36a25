import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { examine } from "../../scripts/torture/ledger.ts";
import { lacking, SQLITE3, STRACE } from "../../scripts/torture/machine.ts";
import {
  lay,
  type Record,
  record,
  WRITER,
} from "../../scripts/torture/power.ts";
import { Disk } from "../../scripts/torture/power/disk.ts";
import { type Step, stepsIn } from "../../scripts/torture/power/recording.ts";
import {
  judgeCut,
  type Synchronous,
} from "../../scripts/torture/power/verdict.ts";
import { random } from "../../scripts/torture/seed.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const skip = lacking(SQLITE3, STRACE);
const CUTS = 30;

async function inFolder(play: (folder: string) => unknown): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "litelatch-power-"));
  try {
    await play(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function bytes(...sectors: number[]): Uint8Array {
  const whole = new Uint8Array(sectors.length * 512);
  sectors.forEach((value, i) => whole.fill(value, i * 512, (i + 1) * 512));
  return whole;
}

/** All that a disk may hold after a cut, as the first bytes of its sectors. */
function states(steps: readonly Step[], forgetful = false): Set<string> {
  const chance = random("states");
  const disk = new Disk(bytes(1, 1), forgetful);
  for (const step of steps) disk.take(step);
  const seen = new Set<string>();
  for (let i = 0; i < 500; i++) {
    const files = [...disk.cut(chance)].map(([name, content]) => {
      const sectors: number[] = [];
      for (let at = 0; at < content.length; at += 512) {
        sectors.push(content[at] ?? 0);
      }
      return `${name} ${sectors.join("")}`;
    });
    seen.add(files.join(", "));
  }
  return seen;
}

const write = (name: "db" | "wal", at: number, ...sectors: number[]): Step => ({
  do: "write",
  name,
  offset: at * 512,
  data: bytes(...sectors),
});

test("what a truncation cuts off goes as a whole", () => {
  const half = states([{ do: "truncate", name: "db", size: 512 }]);
  assert.deepEqual(half, new Set(["db 11", "db 1"]));
  const cut: Step = { do: "truncate", name: "db", size: 0 };
  assert.deepEqual(states([cut]), new Set(["db 11", "db "]));
  // What is written behind it is there only with it.
  assert.deepEqual(
    states([cut, write("db", 0, 2)]),
    new Set(["db 11", "db ", "db 0", "db 2"]),
  );
});

test("a sector that was not synced is as it was at any moment since", () => {
  const seen = states([write("db", 0, 2, 2), write("db", 1, 3)]);
  assert.deepEqual(
    [...seen].sort(),
    ["db 11", "db 12", "db 13", "db 21", "db 22", "db 23"],
  );
});

test("what was synced is there, unless the disk is forgetful", () => {
  const steps = [write("db", 0, 2, 2), { do: "sync", name: "db" } as const];
  assert.deepEqual([...states(steps)], ["db 22"]);
  assert.ok(states(steps, true).has("db 11"));
});

test("a size that was not synced may be any, with zeros in its holes", () => {
  const grown = states([write("db", 2, 2)]);
  assert.deepEqual([...grown].sort(), ["db 11", "db 110", "db 112"]);
});

test("a new file is there for sure once its folder is synced", () => {
  const steps: Step[] = [
    { do: "create", name: "wal" },
    write("wal", 0, 5),
    { do: "sync", name: "wal" },
  ];
  assert.deepEqual([...states(steps)].sort(), ["db 11", "db 11, wal 5"]);
  steps.push({ do: "sync", name: "folder" });
  assert.deepEqual([...states(steps)], ["db 11, wal 5"]);
  steps.push({ do: "unlink", name: "wal" });
  assert.deepEqual([...states(steps)].sort(), ["db 11", "db 11, wal 5"]);
});

test("a call that is not understood makes a recording worthless", () =>
  inFolder((folder) => {
    const output = join(folder, "strace");
    for (
      const line of [
        '7 writev(5</x/app.db>, [{iov_base="\\x00", iov_len=1}], 1) = 1',
        '7 pwrite64(5</x/app.db>, "\\x00"..., 4096, 0) = 4096',
        '7 pwrite64(5</x/app.db>, "\\x00", 2, 0) = 2',
        "7 fsync(5</x/app.db> <unfinished ...>",
      ]
    ) {
      writeFileSync(output, `${line}\n`);
      assert.throws(() => stepsIn(output, "/x/app.db", "/x/log"), /recording/);
    }
  }));

const records = new Map<Synchronous, Promise<Record | null>>();

/** What this runtime writes; recorded once for both tests. */
function recorded(synchronous: Synchronous): Promise<Record | null> {
  let recording = records.get(synchronous);
  if (recording !== undefined) return recording;
  const runtime = thisRuntime();
  const folder = mkdtempSync(join(tmpdir(), "litelatch-record-"));
  recording = recordWhole(folder, { runtime, synchronous, seed: 7 })
    .finally(() => rmSync(folder, { recursive: true, force: true }));
  records.set(synchronous, recording);
  return recording;
}

/** strace lets go of a thread now and then: that is no recording. */
async function recordWhole(
  folder: string,
  how: Parameters<typeof record>[1],
): Promise<Record | null> {
  for (let tries = 0; tries < 5; tries++) {
    const recording = await record(join(folder, `${tries}`), how);
    if (recording !== null) return recording;
  }
  return null;
}

/** What is wrong after some cuts of it. */
async function cut(
  folder: string,
  synchronous: Synchronous,
  forgetful: boolean,
): Promise<string[]> {
  const writing = await recorded(synchronous);
  assert.ok(writing !== null);
  const { before, steps } = writing;
  const chance = random("cuts");
  const disk = new Disk(before, forgetful);
  const breaches: string[] = [];
  let acknowledged = 0;
  for (const [i, step] of steps.entries()) {
    if (step.do === "ack") acknowledged = step.n;
    disk.take(step);
    if (chance.next() > CUTS / steps.length) continue;
    const target = join(folder, `cut-${synchronous}-${i}`, "app.db");
    lay(target, disk.cut(chance));
    const found = examine(target);
    breaches.push(
      ...judgeCut(found, WRITER, acknowledged, synchronous).breaches,
    );
  }
  assert.ok(acknowledged > 0);
  return breaches;
}

test("FULL keeps every commit at a power cut, NORMAL the first ones", {
  skip,
}, () =>
  inFolder(async (folder) => {
    assert.deepEqual(await cut(folder, "full", false), []);
    assert.deepEqual(await cut(folder, "normal", false), []);
  }));

test(
  "neither does on a disk that takes no sync seriously",
  { skip },
  () =>
    inFolder(async (folder) => {
      const full = await cut(folder, "full", true);
      assert.match(full.join("\n"), /was acknowledged and is lost/);
      const normal = await cut(folder, "normal", true);
      assert.notDeepEqual(normal, []);
    }),
);
