/**
 * Small steps, by hand and through litelatch, in turn within one process.
 * Prints the microseconds of each round as JSON.
 *
 * @module
 */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { open } from "../../../mod.ts";
import { openRaw } from "./raw.ts";

/** One round of each, and how many steps a round has. */
interface Rounds {
  readonly steps: number;
  readonly byHand: (steps: number) => void;
  readonly litelatch: (steps: number) => void;
  readonly end: () => void;
}

const TABLE = "CREATE TABLE event (id INTEGER PRIMARY KEY, at REAL, text TEXT)";
const INSERT = "INSERT INTO event (at, text) VALUES (?, ?)";
const SELECT = "SELECT id, at, text FROM event WHERE id = ?";
const ROWS = 1000;

const SECTIONS: Record<string, (folder: string) => Rounds> = {
  write(folder) {
    const raw = openRaw(join(folder, "raw.db"));
    const db = open(join(folder, "litelatch.db"));
    for (const one of [raw, db]) one.exec(TABLE);
    const begin = raw.prepare("BEGIN IMMEDIATE");
    const insert = raw.prepare(INSERT);
    const commit = raw.prepare("COMMIT");
    let [done, rounds] = [0, 0];
    return {
      steps: 100,
      byHand(steps) {
        rounds++;
        for (let i = 0; i < steps; i++) {
          begin.run();
          try {
            insert.run(i, "stopped");
            commit.run();
          } catch (error) {
            raw.exec("ROLLBACK");
            throw error;
          }
        }
      },
      litelatch(steps) {
        for (let i = 0; i < steps; i++) {
          done += db.write(() => db.prepare(INSERT).run(i, "stopped").changes);
        }
      },
      end() {
        const count = "SELECT count(*) AS n FROM event";
        const { n } = raw.prepare(count).get() as { n: number };
        assert.equal(n, rounds * 100);
        assert.equal(db.prepare(count).get()?.["n"], done);
        assert.equal(n, done);
        raw.close();
        db.close();
      },
    };
  },

  get(folder) {
    const raw = openRaw(join(folder, "raw.db"));
    const db = open(join(folder, "litelatch.db"));
    for (const one of [raw, db]) {
      one.exec(TABLE);
      const insert = one.prepare(INSERT);
      for (let i = 0; i < ROWS; i++) insert.run(i + 0.5, `text ${i}`);
    }
    const select = raw.prepare(SELECT);
    assert.deepEqual({ ...select.get(7) as object }, db.prepare(SELECT).get(7));
    return {
      steps: ROWS,
      byHand(steps) {
        for (let i = 1; i <= steps; i++) select.get(i);
      },
      litelatch(steps) {
        for (let i = 1; i <= steps; i++) db.prepare(SELECT).get(i);
      },
      end() {
        raw.close();
        db.close();
      },
    };
  },
};

const [section = "", rounds = "100"] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "litelatch-bench-"));
const { steps, byHand, litelatch, end } = SECTIONS[section]!(folder);
const times: { byHand: number[]; litelatch: number[] } = {
  byHand: [],
  litelatch: [],
};
const WARM_UP = Math.ceil(Number(rounds) / 10) + 5;
for (let round = 0; round < Number(rounds) + WARM_UP; round++) {
  const pair = [["byHand", byHand], ["litelatch", litelatch]] as const;
  // Whoever goes second finds warmer caches, so they take turns.
  for (const [name, run] of round % 2 === 0 ? pair : pair.toReversed()) {
    const start = performance.now();
    run(steps);
    const took = (performance.now() - start) * 1000 / steps;
    if (round >= WARM_UP) times[name].push(took);
  }
  // What a runtime puts off until the next turn must not pile up.
  await new Promise((resolve) => setTimeout(resolve, 0));
}
end();
rmSync(folder, { recursive: true });
console.log(JSON.stringify(times));
