import assert from "node:assert/strict";
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { inspect } from "../../src/inspect/mod.ts";
import { findingsOf } from "../../src/cli/findings.ts";
import { otherRuntime, start } from "../fixtures/children.ts";
import { inFolder } from "../fixtures/folder.ts";
import { unexplained } from "./fixtures/reasons.ts";

// Ten thousand by hand: LITELATCH_FUZZ=10000.
const ROUNDS = Number(process.env["LITELATCH_FUZZ"] ?? 80);
const ENDS = ["", "-wal", "-shm", ".pid", ".pid-0123456789abcdef"];

/** The same numbers again and again (mulberry32). */
function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Nothing, noise, or the true bytes with some of them wrong or missing. */
function garbage(random: () => number, real: Uint8Array): Uint8Array | null {
  const kind = random();
  const below = (most: number) => Math.floor(random() * most);
  if (kind < 0.1) return null;
  if (kind < 0.4) {
    return Uint8Array.from({ length: below(400) }, () => below(256));
  }
  const bytes = real.slice(0, kind < 0.6 ? below(real.length) : real.length);
  if (bytes.length === 0) return bytes;
  for (let times = below(6); times > 0; times--) {
    // Headers are where it hurts.
    const most = random() < 0.7 ? Math.min(140, bytes.length) : bytes.length;
    bytes[below(most)] = [0, 1, 255, below(256)][below(4)]!;
  }
  return bytes;
}

test(
  "whatever the files hold, there is a report and no crash",
  inFolder(async (folder) => {
    const model = join(folder, "model.db");
    const child = start(otherRuntime(), "database_child.ts");
    await child.ask({ do: "open", path: model });
    await child.ask({ do: "exec", sql: "CREATE TABLE t (x)" });
    await child.ask({
      do: "exec",
      sql: "INSERT INTO t VALUES (zeroblob(9999))",
    });
    const [holder] = inspect(model).holders;
    const copy = join(folder, "copy");
    const sources = ["", "-wal", "-shm", `.${holder?.record.split(".").pop()}`];
    const real = ENDS.map((_, i) => {
      copyFileSync(model + sources[Math.min(i, 3)]!, copy);
      return new Uint8Array(readFileSync(copy));
    });
    const path = join(folder, "fuzzed");
    const random = seeded(Number(process.env["LITELATCH_SEED"] ?? 1));
    const codes = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      ENDS.forEach((end, i) => {
        const bytes = garbage(random, real[i]!);
        rmSync(path + end, { force: true });
        if (bytes !== null) writeFileSync(path + end, bytes);
      });
      const label = `round ${round}`;
      const last = inspect(path);
      assert.deepEqual(JSON.parse(JSON.stringify(last)), last, label);
      assert.deepEqual(unexplained(last), [], label);
      const findings = findingsOf({ reports: [last], last, limit: 4096 });
      for (const { code, what, todo } of findings) {
        assert.ok(what.length > 20 && todo.length > 20, label);
        codes.add(code);
      }
    }
    assert.ok(codes.has("not-a-database") && codes.has("wal-damaged"));
  }),
);
