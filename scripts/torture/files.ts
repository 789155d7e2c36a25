/**
 * The file storm: writers on all runtimes, and sqlite3 beside them, while the
 * database, its `-wal`, `-shm` and `.lock` are deleted, replaced, moved and
 * linked, and read by `fs` inside the writing processes.
 *
 * One episode is one round: a database, a crew, one or two incidents, newcomers
 * after them, and the verdict when every process that was told of a loss has
 * ended. What SQLite itself does to a file when a sqlite3 command opens it
 * beside a `-wal` that is not its own is no fault of ours; so after such an
 * incident only litelatch comes.
 *
 * @module
 */

import { spawn, spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Runtime } from "../runtimes/runtimes.ts";
import { Child } from "./children.ts";
import { choose, poisons, prepare, strike, tidy } from "./files/incidents.ts";
import { FileJudge } from "./files/judge.ts";
import { follow } from "./follower.ts";
import { examine, TABLE } from "./ledger.ts";
import { lacking, SQLITE3 } from "./machine.ts";
import type { FilePart } from "./programs/file_writer.ts";
import type { Stage, Storm } from "./storm.ts";

/** Longer than anything takes on a slow machine. */
const PATIENCE_MS = 60_000;
/** Its SQLite has the WAL-reset bug, and checkpoints inside of a COMMIT. */
const BUGGY = "node22";
const SQLITE3_WORDS = ["-init", "/dev/null", "-batch", "-cmd", ".timeout 5000"];

/** The storm. */
export const files: Storm = {
  name: "files",
  about: "files deleted, replaced, moved, linked and read under the writers",
  share: 5,
  episode: 60,
  missing: () => lacking(SQLITE3),
  play: (stage) => new Round(stage).play(),
};

/** Processes that have nothing to do, by runtime. */
const idle = new Map<string, Child[]>();
const warm = new WeakSet<Child>();

function take(runtime: Runtime): Child {
  const waiting = idle.get(runtime.id) ?? [];
  for (let child = waiting.pop(); child !== undefined; child = waiting.pop()) {
    if (child.alive) return child;
  }
  return new Child("file_writer.ts", { runtime });
}

function giveBack(runtime: Runtime, child: Child): void {
  idle.set(runtime.id, [...idle.get(runtime.id) ?? [], child]);
}

/** A writer of this round. */
interface Member {
  readonly part: FilePart;
  readonly runtime: Runtime;
  readonly child: Child;
  /** Whether it was told of a loss; then it ends before the verdict. */
  done: Promise<boolean>;
}

class Round {
  readonly stage: Stage;
  readonly path: string;
  readonly log: string;
  readonly members: Member[] = [];
  readonly newcomers: { runtime: Runtime; child: Child }[] = [];
  readonly moved: string[] = [];
  /** For sqlite3 and an incident not to be at it at the same time. */
  turn: Promise<unknown> = Promise.resolve();
  poisoned = false;
  over = false;
  outsiders = 0;
  /** Those whose locks on the `-shm` may be gone. */
  readonly readShm = new Set<string>();
  readonly buried = new Set<Child>();
  readonly runtimes: readonly Runtime[];
  /** SQLite itself cannot bear that, so such rounds are counted, not judged. */
  readonly readsShm: boolean;

  constructor(stage: Stage) {
    this.stage = stage;
    this.runtimes = stage.runtimes.filter(({ id }) => id !== BUGGY);
    this.readsShm = stage.random.chance(0.1);
    const place = join(stage.folder, "place");
    mkdirSync(place);
    this.path = join(place, "app.db");
    this.log = join(stage.folder, "log");
    writeFileSync(this.log, "");
    create(this.path);
  }

  say(...words: readonly string[]): void {
    appendFileSync(this.log, `${words.join(" ")}\n`);
  }

  async play(): Promise<void> {
    const { stage } = this;
    const { random } = stage;
    const exclusive = random.chance(0.15);
    const crew = exclusive ? 1 : random.pick([1, 1, 2, 2, 3, 4]);
    // Some rounds are for the files, some for dropped locks, some for both.
    const kind = random.pick(["files", "files", "reads", "both"] as const);
    const comers = random.between(1, 3);
    const common = {
      log: this.log,
      target: this.path,
      lock: exclusive ? "exclusive" as const : "shared" as const,
      journalSizeLimit: random.pick([null, 20_000, 200_000]),
      walAutocheckpoint: random.pick([null, null, 20]),
      large: random.pick([0, 0.02, 0.3]),
      insideReads: kind === "reads" && random.chance(0.5) ? 0.1 : 0,
      insideFiles: ["", ".lock", this.readsShm ? "-shm" : ""],
    };
    const runtimes = random.shuffle([...this.runtimes, ...this.runtimes]);
    for (let i = 0; i < comers; i++) {
      const runtime = random.pick(this.runtimes);
      this.newcomers.push({ runtime, child: take(runtime) });
    }
    for (let i = 0; i < crew; i++) {
      const runtime = runtimes[i % runtimes.length] as Runtime;
      this.start(runtime, take(runtime), `${runtime.id}-${i}`, common, {});
    }
    await Promise.all(
      this.members.map(({ child }) => this.hear(child, ["opened", "refused"])),
    );
    for (const { child } of this.members) warm.add(child);
    for (const { child } of this.newcomers) await this.warm(child);
    const outside = random.chance(0.6)
      ? this.outside(kind !== "files")
      : Promise.resolve();
    await this.incidents(kind, common);
    this.over = true;
    await outside;
    await pause(250);
    await this.end();
    if (!stage.stopped) this.verdict();
  }

  start(
    runtime: Runtime,
    child: Child,
    id: string,
    common: Omit<
      FilePart,
      "id" | "seed" | "heartbeat" | "commits" | "afterLoss" | "end"
    >,
    more: Partial<FilePart>,
  ): void {
    const { random } = this.stage;
    const part: FilePart = {
      id,
      seed: random.between(0, 2 ** 31),
      heartbeat: random.pick([false, null, 20, 200]),
      commits: null,
      afterLoss: random.pick(["reopen", "reopen", "open", "stop"]),
      end: random.pick(["close", "close", "close", "exit", "fall"]),
      ...common,
      ...more,
    };
    this.say("files", "-", "part", JSON.stringify(part));
    child.send(JSON.stringify(part));
    if (part.insideReads > 0 && part.insideFiles.includes("-shm")) {
      this.readShm.add(part.id);
    }
    const done = Promise.resolve(false);
    this.members.push({ part, runtime, child, done });
  }

  /** Waits until it needs no more time to start. */
  async warm(child: Child): Promise<void> {
    if (warm.has(child)) return;
    if (await this.hear(child, ["ready"]) === "ready") warm.add(child);
  }

  /** Waits for a word of a process; a hang is a breach. */
  async hear(child: Child, words: readonly string[]): Promise<string> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), PATIENCE_MS);
    });
    try {
      for (;;) {
        const line = await Promise.race([child.line(), late]);
        if (line !== null && words.includes(line)) return line;
        if (line === "late") {
          this.stage.fail(`${child.label} hangs: no "${words[0]}" of it`);
          child.end();
          return "";
        }
        if (line === null) {
          await this.bury(child);
          return "";
        }
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** sqlite3 comes and goes. */
  async outside(overlaps: boolean): Promise<void> {
    const { random } = this.stage;
    while (!this.over && !this.stage.stopped) {
      await pause(random.between(5, 80));
      if (this.poisoned || this.over) return;
      if (overlaps && random.chance(0.3)) await this.outsider();
      else await this.alone(() => this.outsider());
    }
  }

  alone<T>(task: () => Promise<T>): Promise<T> {
    const next = this.turn.then(task);
    this.turn = next.catch(() => {});
    return next;
  }

  async outsider(): Promise<void> {
    if (this.poisoned) return;
    const id = `sqlite3-${++this.outsiders}`;
    const writes = this.stage.random.chance(0.5);
    this.say(id, id, "opening");
    this.say(id, id, "opened");
    if (writes) this.say(id, id, "try", "1");
    const sql = writes
      ? "BEGIN IMMEDIATE; " +
        `INSERT INTO t VALUES ('${id}', 1, zeroblob(500)), ('${id}', -1, 1); ` +
        "COMMIT;"
      : "SELECT count(*) FROM t;";
    const child = spawn(
      "sqlite3",
      [...SQLITE3_WORDS, "-bail", this.path, sql],
      {
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text) => stderr += text);
    const code = await new Promise((resolve) => child.on("close", resolve));
    const said = stderr.trim().replaceAll("\n", " ").slice(0, 100);
    if (code === 0) {
      if (writes) this.say(id, id, "ack", "1");
      this.say(id, id, "closing");
      this.say(id, id, "closed");
    } else this.say(id, id, "failed", "1", "sqlite3", said);
  }

  async incidents(
    kind: "files" | "reads" | "both",
    common: Parameters<Round["start"]>[3],
  ): Promise<void> {
    const { stage } = this;
    const { random } = stage;
    const many = kind === "reads"
      ? random.between(2, 5)
      : random.pick([1, 1, 1, 2]);
    for (let i = 1; i <= many && !stage.stopped; i++) {
      await pause(random.between(0, 250));
      const reads = kind === "reads" || (kind === "both" && random.chance(0.5));
      if (reads) this.readInside();
      else await this.strike(i);
      const comes = random.chance(i === many ? 1 : 0.5);
      while (comes && this.newcomers.length > 0) {
        await pause(random.chance(0.5) ? 0 : random.between(1, 40));
        this.newcomer(common);
        if (random.chance(0.5)) break;
      }
      if (reads && random.chance(0.7)) await this.outsider();
    }
    await pause(random.between(50, 300));
  }

  /** The processes read their own files; each of them, or one. */
  readInside(): void {
    const { random } = this.stage;
    const all = random.chance(0.5);
    const suffixes = random.pick(
      this.readsShm
        ? [["-shm"], ["", "-shm"], [""]]
        : [[""], [""], [".lock"], ["", ".lock"]],
    );
    const one = random.pick(this.members);
    for (const member of this.members) {
      if (!all && member !== one) continue;
      for (const suffix of suffixes) {
        member.child.send(`read ${suffix}`);
        if (suffix === "-shm") this.readShm.add(member.part.id);
      }
    }
  }

  /** What a tool puts in the place of a database: an older one, or its own. */
  backup(to: string): void {
    if (this.poisoned || this.stage.random.chance(0.3)) create(to);
    else sqlite3(this.path, `VACUUM INTO '${to}'`);
  }

  /** For whoever looks into a breach. */
  note(): void {
    const inodes = readdirSync(dirname(this.path)).map((name) =>
      `${name}:${
        statSync(join(dirname(this.path), name), { throwIfNoEntry: false })?.ino
      }`
    );
    this.say("files", "-", "note", ...inodes);
  }

  async strike(number: number): Promise<void> {
    const plan = choose(this.stage.random);
    await this.alone(async () => {
      prepare(
        this.path,
        plan,
        (to) => this.backup(to),
      );
      if (poisons(plan)) this.poisoned = true;
      const name = `#${number}`;
      this.say("files", name, "begin", plan.act, ...plan.targets);
      const took = (target: string) => this.say("files", name, "took", target);
      const { moved } = await strike(this.path, plan, number, took);
      this.say("files", name, "done");
      this.note();
      tidy(this.path);
      if (moved !== null) this.moved.push(moved);
      this.stage.count("faults");
    });
  }

  newcomer(common: Parameters<Round["start"]>[3]): void {
    const { random } = this.stage;
    const next = this.newcomers.pop();
    if (next === undefined) return;
    const { runtime, child } = next;
    const elsewhere = random.chance(0.3) ? this.moved.at(-1) : undefined;
    const id = `${runtime.id}-new-${this.newcomers.length}`;
    this.start(
      runtime,
      child,
      elsewhere === undefined ? id : `${id}@moved`,
      { ...common, insideReads: 0 },
      {
        commits: random.between(1, 20),
        end: "close",
        target: elsewhere ?? this.path,
        lock: random.chance(0.1) ? "exclusive" : "shared",
      },
    );
  }

  /** All write once more, and end; those who were told leave for good. */
  async end(): Promise<void> {
    this.say("files", "-", "end");
    for (const { child } of this.members) child.send("rest");
    for (const { child } of this.members) await this.hear(child, ["rests"]);
    // One after the other: in the moment between the look and the end of a
    // commit another one that closes could take this last word away too.
    for (const { child } of this.members) {
      child.send("end");
      await this.hear(child, ["done"]);
    }
    for (const { runtime, child } of this.newcomers) giveBack(runtime, child);
    const touched = new Set<string>();
    const follower = follow(this.log, (line) => {
      const [process = "", , word = ""] = line.split(" ");
      if (/ LITELATCH_LOCK_LOST | error | reads /.test(line)) {
        touched.add(process);
      }
      if (word === "left") touched.add(process);
    });
    follower.read();
    follower.close();
    for (const { part, runtime, child } of this.members) {
      if (part.end === "close" && !touched.has(part.id)) {
        giveBack(runtime, child);
        continue;
      }
      child.dismiss();
      const ending = await child.endedWithin(PATIENCE_MS);
      if (ending === null) {
        this.stage.fail(`${part.id} did not end by itself`);
        child.end();
      } else await this.bury(child);
    }
  }

  /**
   * Looks at how a process has ended. Whoever reads its own `-shm` drops the
   * lock by which SQLite knows that it is in use; the next one to open cuts it
   * off under it (os_unix.c, unixLockSharedMemory), and that kills.
   */
  async bury(child: Child): Promise<void> {
    const { code, signal, stderr } = await child.ended;
    if (code === 0 || this.stage.stopped || this.buried.has(child)) return;
    this.buried.add(child);
    const member = this.members.find((one) => one.child === child);
    const id = member?.part.id ?? child.label;
    if (signal === "SIGBUS" && this.readShm.has(id)) {
      this.stage.outcome("ended by SIGBUS, having read its -shm");
      this.say(id, "-", "died", signal);
      return;
    }
    this.stage.fail(
      `${id} ended with ${signal ?? code}: ${stderr.slice(-1500)}`,
    );
  }

  verdict(): void {
    const { stage } = this;
    const judge = new FileJudge();
    this.note();
    const follower = follow(this.log, (line) => judge.read(line));
    follower.read();
    follower.close();
    const { exceptions, silent, commits, outcomes, unbearable } = judge.judge({
      atPath: existsSync(this.path) ? examine(this.path) : null,
      moved: this.moved.filter((path) => existsSync(path)).map(examine),
    });
    stage.count("commits", commits);
    stage.outcome("rounds");
    for (const [text, times] of outcomes) stage.outcome(text, times);
    if (unbearable !== null) {
      stage.outcome(`rounds in which ${unbearable}`);
      stage.outcome(
        `broken, which is not promised where ${unbearable}`,
        +(exceptions.length > 0),
      );
      return;
    }
    stage.count("lost commits", silent);
    stage.outcome("exceptions", exceptions.length);
    for (const sentence of exceptions) stage.fail(sentence);
  }
}

function create(path: string): void {
  sqlite3(path, `${TABLE}; CREATE INDEX ix ON t(writer, i);`);
}

function sqlite3(path: string, sql: string): void {
  const words = [...SQLITE3_WORDS, path, sql];
  const { status, stderr } = spawnSync("sqlite3", words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`sqlite3 failed: ${stderr.trim()}`);
}
