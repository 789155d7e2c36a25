/**
 * Writes to a database whose files others take away, and takes away its own
 * locks by `fs`. What it does it says in the log, before and after.
 *
 * It reads orders from stdin, a line each: a part, `read <file>`, `rest` (write
 * no more), or `end`: write once more, so that it can be told what was lost,
 * and end.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, rmSync } from "node:fs";
import { copyFile, readFile } from "node:fs/promises";
import process from "node:process";
import { createInterface } from "node:readline";
import { type Database, type LockMode, open } from "../../../mod.ts";
import { random } from "../seed.ts";
import { type Log, openLog } from "./log.ts";

/** What a writer is told. */
export interface FilePart {
  readonly id: string;
  readonly seed: number;
  readonly log: string;
  readonly target: string;
  readonly lock: LockMode;
  readonly journalSizeLimit: number | null;
  readonly walAutocheckpoint: number | null;
  readonly heartbeat: number | false | null;
  /** How often a commit is one of some MB. */
  readonly large: number;
  /** How often a body reads the file itself, and has sqlite3 open it. */
  readonly insideReads: number;
  readonly insideFiles: readonly string[];
  /** How many commits, then it closes; `null` until it is told to end. */
  readonly commits: number | null;
  readonly afterLoss: "reopen" | "open" | "stop";
  /** With the database closed, by `exit()`, or with nothing left to do. */
  readonly end: "close" | "exit" | "fall";
}

const TABLE = "CREATE TABLE IF NOT EXISTS t (writer TEXT, i INTEGER, b BLOB)";
const LEAST_PAUSE_MS = 50;

let resting = false;
let ending = false;
let wake = () => {};
const reads: string[] = [];
let handles = 0;

class Writer {
  readonly part: FilePart;
  readonly log: Log;
  readonly chance: ReturnType<typeof random>;
  db: Database | null = null;
  id = "";
  commits = 0;
  lost = false;
  openedAt = 0;

  constructor(part: FilePart, log: Log) {
    this.part = part;
    this.chance = random(part.seed, part.id);
    this.log = log;
  }

  /** A handle has a name of its own in the log. */
  renew(word: "opening" | "reopening"): void {
    this.id = `${this.part.id}.${++handles}`;
    this.commits = 0;
    this.say(word);
  }

  say(...words: readonly (string | number)[]): void {
    this.log.say(this.id, ...words);
  }

  open(): boolean {
    const { part } = this;
    const more: Record<string, unknown> = {};
    for (
      const name of [
        "journalSizeLimit",
        "walAutocheckpoint",
        "heartbeat",
      ] as const
    ) {
      if (part[name] !== null) more[name] = part[name];
    }
    this.renew("opening");
    try {
      this.db = open(part.target, {
        lock: part.lock,
        wait: 200,
        busyTimeout: 3000,
        app: part.id,
        onWarning: (text) => this.log.refusal([this.id, "warned"], text),
        ...more,
      });
      this.openedAt = performance.now();
      this.lost = false;
      this.say("opened");
      this.createTable();
      return true;
    } catch (error) {
      this.log.refusal([this.id, "error"], error);
      return false;
    }
  }

  /** Another database may have come to the path. */
  createTable(): void {
    try {
      this.db?.write((db) => db.exec(TABLE));
    } catch (error) {
      this.log.refusal([this.id, "told"], error);
    }
  }

  /** One commit: two rows, n and -n. */
  async commit(): Promise<boolean> {
    const { db, chance, part, id } = this;
    if (db === null) return false;
    const n = ++this.commits;
    const size = chance.chance(part.large)
      ? chance.between(500_000, 6_000_000)
      : chance.between(0, 3000);
    const dwell = chance.chance(0.2) ? chance.between(1, 15) : 0;
    const inside = chance.chance(part.insideReads);
    const way = chance.pick(["write", "writeAsync", "plain", "nested"]);
    const first = "INSERT INTO t VALUES (?, ?, zeroblob(?))";
    const body = () => {
      db.prepare(first).run(id, n, size);
      if (inside) this.readInside();
      if (dwell > 0) sleep(dwell);
      db.prepare(first).run(id, -n, chance.between(0, 500));
    };
    this.say("try", n);
    try {
      if (way === "write") db.write(body);
      else if (way === "nested") db.write(() => db.write(body));
      else if (way === "writeAsync") await db.writeAsync(body);
      else {
        db.prepare(
          "INSERT INTO t SELECT ?, n, zeroblob(?) FROM " +
            "(SELECT ? AS n UNION ALL SELECT ?)",
        ).run(id, Math.floor(size / 2), n, -n);
      }
      this.say("ack", n);
      return true;
    } catch (error) {
      this.log.refusal([id, "failed", n], error);
      return !isLoss(error);
    }
  }

  /** As a program does that hashes or uploads its own database. */
  readInside(): void {
    this.read(this.chance.pick(this.part.insideFiles));
    if (!this.chance.chance(0.7)) return;
    spawnSync("sqlite3", [
      ...["-init", "/dev/null", "-cmd", ".timeout 2000"],
      ...[this.part.target, "SELECT count(*) FROM t"],
    ]);
  }

  read(suffix: string): void {
    const path = this.part.target + suffix;
    this.say("reads", `${suffix || "database"}`);
    try {
      if (this.chance.chance(0.5)) readFileSync(path);
      else {
        const copy = `${this.part.log}-${process.pid}-copy`;
        copyFileSync(path, copy);
        rmSync(copy);
      }
    } catch {
      // It was deleted or moved.
    }
    this.say("read");
  }

  async readAsync(suffix: string): Promise<void> {
    const path = this.part.target + suffix;
    this.say("reads", `${suffix || "database"}`);
    try {
      if (this.chance.chance(0.5)) await readFile(path);
      else {
        const copy = `${this.part.log}-${process.pid}-copy`;
        await copyFile(path, copy);
        rmSync(copy);
      }
    } catch {
      // It was deleted or moved.
    }
    this.say("read");
  }

  async afterLoss(): Promise<void> {
    this.lost = true;
    const { part, db, chance } = this;
    if (part.afterLoss === "stop" || db === null) return;
    await pause(chance.between(0, 30));
    if (part.afterLoss === "open") {
      this.close();
      this.open();
      return;
    }
    this.renew("reopening");
    try {
      db.reopen();
      this.lost = false;
      this.say("opened");
      this.createTable();
    } catch (error) {
      this.log.refusal([this.id, "error"], error);
    }
  }

  close(): void {
    const { db } = this;
    this.db = null;
    this.say("closing", Math.floor(performance.now() - this.openedAt));
    try {
      db?.close();
      this.say("closed");
    } catch (error) {
      this.log.refusal([this.id, "shut"], error);
    }
  }

  /** One thing after the other, until it is told to end. */
  async work(): Promise<void> {
    const { part, chance } = this;
    let done = 0;
    let tries = 0;
    while (!resting && (part.commits === null || done < part.commits)) {
      const read = reads.shift();
      if (read !== undefined) {
        if (chance.chance(0.5)) this.read(read);
        else await this.readAsync(read);
      }
      if (this.db === null) {
        if (part.commits !== null && ++tries > 3) return;
        await pause(LEAST_PAUSE_MS);
        if (!resting) this.open();
        continue;
      }
      if (this.lost) {
        if (part.commits !== null) return;
        await pause(LEAST_PAUSE_MS);
        continue;
      }
      const goesOn = await this.commit();
      done++;
      if (!goesOn) await this.afterLoss();
      else if (chance.chance(0.03)) this.checkpoint();
      else if (part.commits === null && chance.chance(0.01)) {
        this.close();
        this.open();
      }
      await pause(chance.chance(0.3) ? chance.between(1, 20) : 0);
    }
  }

  checkpoint(): void {
    try {
      this.db?.checkpoint();
    } catch (error) {
      this.log.refusal([this.id, "told"], error);
    }
  }

  /** The last write, and the end. */
  async end(): Promise<void> {
    const { part } = this;
    if (this.db !== null) {
      if (part.commits === null) await this.commit();
      if (part.end === "close" || part.commits !== null) this.close();
      else this.say("left");
    }
  }
}

function isLoss(error: unknown): boolean {
  return (error as { code?: unknown }).code === "LITELATCH_LOCK_LOST";
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** A pause that an order ends. */
function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

async function play(part: FilePart): Promise<void> {
  // It may have been told to end what it had already ended.
  resting = false;
  ending = false;
  reads.length = 0;
  const log = openLog(part.log, part.id);
  const writer = new Writer(part, log);
  console.log(writer.open() ? "opened" : "refused");
  await writer.work();
  console.log("rests");
  while (!ending && part.commits === null) await pause(LEAST_PAUSE_MS);
  await writer.end();
  console.log("done");
  log.close();
  if (part.end === "exit") process.exit(0);
  if (part.end === "fall") {
    lines.close();
    process.stdin.unref?.();
  }
}

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const [word, suffix = ""] = line.split(" ");
  if (word === "rest") resting = true;
  else if (word === "end") resting = ending = true;
  else if (word === "read") reads.push(suffix);
  else return void play(JSON.parse(line) as FilePart);
  wake();
});
console.log("ready");
