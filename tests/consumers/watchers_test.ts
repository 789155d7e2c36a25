import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { vendor } from "../../scripts/release/vendor.ts";
import { Child, type Ended } from "../fixtures/children.ts";
import { inFolder, query } from "../fixtures/folder.ts";
import { needs } from "../fixtures/machine.ts";
import { withoutPackages } from "../fixtures/packages.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";
import { until } from "../fixtures/until.ts";

const RELOADS = 10;
// A watcher may miss what is saved while it starts the program; so it is saved
// again, ever later, as that starts it again as well.
const AGAIN_MS = 200;

const own = thisRuntime();
const WATCHERS = [
  ["bun", "--watch"],
  ["bun", "--hot"],
  ["deno", "--watch"],
  ["deno", "--watch-hmr"],
  ["node", "--watch"],
] as const;

const WITHOUT = `
const bun = process.getBuiltinModule("bun:sqlite");
const node = bun ? null : process.getBuiltinModule("node:sqlite");
const db = bun ? new bun.Database("app.db") : new node.DatabaseSync("app.db");
db.exec("PRAGMA journal_mode=WAL; PRAGMA busy_timeout=5000");
const write = (body) => body();
`;

const WITH = `
import { acquireLock, open } from "./litelatch.mjs";
const db = open("app.db", { lock: "exclusive", app: "dev" });
const job = acquireLock("job", { mode: "shared" });
db.onChange(() => {});
const write = (body) => db.write(body);
`;

/** A server in development: \`version\` is all that is edited. */
function server(head: string, version: number): string {
  return `import process from "node:process";
${head}
db.exec("CREATE TABLE IF NOT EXISTS t (version INTEGER)");
const version = () => ${version};
let last = -1;
const look = () => {
  if (version() === last) return;
  last = version();
  write(() => db.prepare("INSERT INTO t VALUES (?)").run(last));
  console.log("up " + last);
};
look();
clearInterval(globalThis.looking);
globalThis.looking = setInterval(look, 20);
`;
}

/** Ends a watcher with its program, which Windows would let live. */
function end(child: Child): void {
  if (process.platform === "win32") {
    spawnSync("taskkill", ["/T", "/F", "/PID", String(child.pid)]);
  } else child.kill("SIGTERM");
}

/** Edits it ten times, and ends the watcher; what was seen. */
async function reloaded(
  folder: string,
  flag: string,
  head: string,
): Promise<Ended> {
  const file = join(folder, "server.mjs");
  writeFileSync(file, server(head, 0));
  const child = new Child([...own.command, flag, file], {}, folder);
  for (let version = 0; version <= RELOADS; version++) {
    const save = () => writeFileSync(file, server(head, version));
    if (version > 0) save();
    let timer: ReturnType<typeof setTimeout>;
    const again = (ms: number): void => {
      timer = setTimeout(() => {
        save();
        again(2 * ms);
      }, ms);
    };
    again(AGAIN_MS);
    while (await child.line() !== `up ${version}`);
    clearTimeout(timer!);
  }
  const places = () => {
    const left = readdirSync(folder).filter((name) => name.includes(".pid"));
    const all = left.map((name) => name.replace(/-[0-9a-f]{16}$/, "-id"));
    // One process is one record, however often it became another program. Where
    // no thread has a number, what the former one left might be another thread's.
    return (needs("/proc") ? [...new Set(all)] : all).sort().join();
  };
  const wanted = head === WITH ? "app.db.pid,job.pid-id" : "";
  // The last save may start it once more, and in between it has none.
  await until(`the records "${wanted}"`, () => places() === wanted);
  end(child);
  return await child.ended;
}

for (const [runtime, flag] of WATCHERS) {
  test(
    `under ${runtime} ${flag} ten reloads go as without litelatch`,
    {
      skip: withoutPackages ||
        (!own.id.startsWith(runtime) && `this is ${own.label}`),
    },
    inFolder(async (folder) => {
      await vendor(folder);
      const without = await reloaded(folder, flag, WITHOUT);
      const ended = await reloaded(folder, flag, WITH);
      assert.deepEqual(
        [ended.code, ended.signal],
        [without.code, without.signal],
        ended.stderr,
      );
      const path = join(folder, "app.db");
      const versions = "SELECT count(DISTINCT version) FROM t";
      assert.equal(query(path, versions), String(RELOADS + 1));
      assert.ok(Number(query(path, "SELECT count(*) FROM t")) > 2 * RELOADS);
    }),
  );
}
