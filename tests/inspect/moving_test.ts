import assert from "node:assert/strict";
import { copyFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  findSources,
  readIndex,
  type Sources,
} from "../../src/inspect/database_files.ts";
import { Reasons } from "../../src/inspect/reasons.ts";
import type { WalReport } from "../../src/inspect/report.ts";
import { readWal, walReport } from "../../src/inspect/wal_report.ts";
import { otherRuntime, start } from "../fixtures/children.ts";
import { inFolder, withDatabase } from "../fixtures/folder.ts";

// Another process has the database open, and this one never does.
const ALONE = true;
const OPTIONS = { walAutocheckpoint: 0, heartbeat: false };
const CREATE = "PRAGMA page_size=4096; CREATE TABLE t (x)";
const FRAME_BYTES = 24 + 4096;

/** What is said of the WAL if others change it before and after each read. */
function reported(
  path: string,
  before: (read: number) => void,
  after: () => void = () => {},
): WalReport {
  const sources = findSources(path, ALONE);
  const { read } = sources.wal!.reader!;
  let reads = 0;
  const wal: Sources["wal"] = {
    path: sources.wal!.path,
    reader: {
      cheap: true,
      read: (...where) => {
        before(++reads);
        const found = read(...where);
        after();
        return found;
      },
    },
  };
  const reasons = new Reasons();
  const moving = { ...sources, wal };
  return walReport(moving, readWal(moving, reasons), null, reasons)!;
}

/** A WAL with some frames and without an index, in a file of its own. */
async function walIn(folder: string): Promise<{ path: string; wal: string }> {
  const from = join(folder, "from.db");
  const path = join(folder, "copy");
  const child = start(otherRuntime(), "database_child.ts");
  await child.ask({ do: "open", path: from, options: OPTIONS });
  await child.ask({ do: "exec", sql: CREATE });
  copyFileSync(`${from}-wal`, `${path}-wal`);
  await child.ask({ do: "close" });
  return { path, wal: `${path}-wal` };
}

test(
  "a WAL that grows while it is looked at still belongs to its index",
  withDatabase(async (path) => {
    const child = start(otherRuntime(), "database_child.ts");
    await child.ask({ do: "open", path, options: OPTIONS });
    await child.ask({ do: "exec", sql: CREATE });
    const sources = findSources(path, ALONE);
    const before = statSync(`${path}-wal`).size;
    const sql = "INSERT INTO t VALUES (zeroblob(100000))";
    await child.ask({ do: "exec", sql });
    const { index, reason } = readIndex(sources);
    assert.equal(reason, null);
    const { size } = statSync(`${path}-wal`);
    assert.ok(size > before);
    // It was never begun anew, so it is full.
    assert.equal(index?.frames, (size - 32) / FRAME_BYTES);
    const reasons = new Reasons();
    const report = walReport(sources, readWal(sources, reasons), null, reasons);
    assert.equal(report?.bytes, size);
    assert.equal(report?.frames, index?.frames);
  }),
);

test(
  "a WAL that is emptied while it is looked at is not called damaged",
  inFolder(async (folder) => {
    const { path, wal } = await walIn(folder);
    const kept = join(folder, "kept");
    copyFileSync(wal, kept);
    const { bytes, valid, frames } = reported(path, () => {
      writeFileSync(wal, "");
    });
    assert.deepEqual({ bytes, valid, frames }, {
      bytes: 0,
      valid: true,
      frames: 0,
    });
    // Or filled again at once, each time.
    copyFileSync(kept, wal);
    const empty = () => writeFileSync(wal, "");
    const again = reported(path, empty, () => copyFileSync(kept, wal));
    assert.equal(again.valid, true);
  }),
);

test(
  "a WAL whose header is being written is read once more before it is called so",
  inFolder(async (folder) => {
    const { path, wal } = await walIn(folder);
    const good = readFileSync(wal);
    const torn = readFileSync(wal);
    torn[17] = torn[17]! ^ 1;
    const once = reported(path, (read) => {
      writeFileSync(wal, read === 1 ? torn : good);
    });
    assert.equal(once.valid, true);
    assert.equal(once.frames, (good.length - 32) / FRAME_BYTES);
    const always = reported(path, () => writeFileSync(wal, torn));
    assert.equal(always.valid, false);
    assert.equal(always.frames, 0);
  }),
);
