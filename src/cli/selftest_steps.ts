/**
 * What `litelatch selftest` proves, step by step.
 *
 * @module
 */

import { linkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Crew, Worker } from "./selftest_crew.ts";

/** One thing to prove. */
export interface Step {
  name: string;
  /** Throws what is wrong; returns what was seen. */
  prove(crew: Crew, folder: string): Promise<string> | string;
}

const PATIENCE_MS = 30_000;
const RACERS = 4;
const ROUNDS = 20;
const WRITERS = 4;
const ROWS = 25;

/** All of them, in order. */
export const STEPS: Step[] = [
  { name: "link(2) makes files appear whole", prove: proveLink },
  { name: "only one process holds the lock", prove: proveExclusion },
  { name: "a refusal names the holder", prove: proveNames },
  { name: "a crash lets the lock go", prove: proveCrash },
  { name: "shared locks go together", prove: proveShared },
  { name: "WAL works across processes", prove: proveWal },
  { name: "a crash undoes half a write", prove: proveRollback },
];

function proveLink(_: Crew, folder: string): string {
  const [one, other] = [join(folder, "one"), join(folder, "other")];
  writeFileSync(one, "x");
  try {
    linkSync(one, other);
  } catch (error) {
    // Not needed: records are then made with O_EXCL.
    return `not here (${(error as { code?: string }).code}), so records are ` +
      "written in place";
  }
  if (statSync(other).nlink < 2) return "yes, but links are not counted";
  try {
    linkSync(one, other);
  } catch {
    return "yes";
  }
  throw new Error("a link replaced a file that was there");
}

async function proveExclusion(crew: Crew, folder: string): Promise<string> {
  const path = join(folder, "race");
  const racers = crew.start(RACERS);
  const answers = await Promise.all(
    racers.map((racer) => racer.ask({ do: "race", path, rounds: ROUNDS })),
  );
  const overlaps = answers.reduce<number>((sum, n) => sum + Number(n), 0);
  if (overlaps > 0) throw new Error(`${overlaps} times two held it at once`);
  return `${RACERS} processes, ${RACERS * ROUNDS} turns, never two at once`;
}

async function proveNames(crew: Crew, folder: string): Promise<string> {
  const path = join(folder, "names");
  const [holder, other] = crew.start(2);
  await holder!.ask(take(path, "exclusive"));
  const refused = await other!.tell(take(path, "exclusive", 0));
  if (refused.ok) throw new Error("two processes got the exclusive lock");
  if (!refused.holders?.includes(holder!.pid)) {
    throw new Error(`the refusal did not name it: ${refused.message}`);
  }
  return `PID ${holder!.pid} was named`;
}

async function proveCrash(crew: Crew, folder: string): Promise<string> {
  const path = join(folder, "crash");
  const [holder, next] = crew.start(2);
  await holder!.ask(take(path, "exclusive"));
  await holder!.kill();
  await next!.ask(take(path, "exclusive"));
  return "the next one got it after SIGKILL";
}

async function proveShared(crew: Crew, folder: string): Promise<string> {
  const path = join(folder, "shared");
  const [one, other, alone] = crew.start(3);
  await one!.ask(take(path, "shared"));
  await other!.ask(take(path, "shared"));
  const refused = await alone!.tell(take(path, "exclusive", 0));
  if (refused.ok) {
    throw new Error("an exclusive lock was given beside shared ones");
  }
  await one!.ask({ do: "release" });
  await other!.ask({ do: "release" });
  await alone!.ask(take(path, "exclusive"));
  return "two together, and no exclusive one beside them";
}

async function proveWal(crew: Crew, folder: string): Promise<string> {
  const path = join(folder, "wal.db");
  const writers = crew.start(WRITERS);
  const [first] = writers;
  await first!.ask({ do: "open", path });
  const create = "CREATE TABLE entry (pid INTEGER) STRICT";
  await first!.ask({ do: "ask", sql: create });
  for (const writer of writers.slice(1)) {
    await writer.ask({ do: "open", path });
  }
  await Promise.all(
    writers.map((writer) => writer.ask({ do: "insert", rows: ROWS })),
  );
  const [reader] = crew.start(1);
  await reader!.ask({ do: "open", path });
  const sql = "SELECT count(*) FROM entry";
  const rows = await reader!.ask({ do: "ask", sql });
  if (rows !== WRITERS * ROWS) {
    throw new Error(`${rows} rows are there, and not ${WRITERS * ROWS}`);
  }
  await requireIntegrity(reader!);
  return `${WRITERS} writers, ${rows} commits, none lost`;
}

async function proveRollback(crew: Crew, folder: string): Promise<string> {
  const path = join(folder, "wal.db");
  const [victim, next] = crew.start(2);
  await victim!.ask({ do: "open", path });
  await victim!.ask({ do: "begin" });
  await victim!.kill();
  await next!.ask({ do: "open", path });
  await next!.ask({ do: "insert", rows: 1 });
  const sql = "SELECT count(*) FROM entry WHERE pid = -1";
  const left = await next!.ask({ do: "ask", sql });
  if (left !== 0) throw new Error("half a transaction is there");
  await requireIntegrity(next!);
  return "nothing of it is left, and the next one writes";
}

async function requireIntegrity(worker: Worker): Promise<void> {
  const sql = "PRAGMA integrity_check";
  const said = await worker.ask({ do: "ask", sql });
  if (said !== "ok") throw new Error(`integrity_check says ${said}`);
}

function take(path: string, mode: "shared" | "exclusive", wait = PATIENCE_MS) {
  return { do: "acquire", path, mode, wait } as const;
}
