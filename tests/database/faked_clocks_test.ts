import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { open } from "../../mod.ts";
import { neighbours } from "../../scripts/test/packages.ts";
import { otherRuntime, start } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { withoutPackages } from "../fixtures/packages.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

const CHILD = new URL("fixtures/faked_clock_child.ts", import.meta.url);
const LONG = new URL("fixtures/long_wait_child.ts", import.meta.url);

const SAID = [
  "write: BusyError",
  "writeAsync: BusyError",
  "statement: BusyError",
  "openAsync: LockedError",
  "acquireLockAsync: LockedError",
  "behind a body: BusyError",
  "complaints: ",
];

const CLOCKS: [name: string, skip: string | false, folder: () => string][] = [
  ["@sinonjs/fake-timers, as in Jest and Vitest", withoutPackages, neighbours],
  [
    "node:test",
    thisRuntime().id.startsWith("node") ? false : "only Node has them",
    () => "",
  ],
];

for (const [name, skip, folder] of CLOCKS) {
  test(
    `no wait is endless with the fake timers of ${name}`,
    { skip },
    withDatabase(async (path, place) => {
      const held = join(place, "held.db");
      const [writer, owner] = [0, 1].map(() =>
        start(otherRuntime(), "database_child.ts")
      );
      await writer!.ask({ do: "open", path });
      await writer!.ask({ do: "exec", sql: "CREATE TABLE t (a)" });
      await writer!.ask({ do: "hold" });
      const options = { lock: "exclusive" };
      await owner!.ask({ do: "open", path: held, options });
      const child = start(thisRuntime(), CHILD, path, held, folder());
      for (const line of SAID) assert.equal(await child.line(), line);
      assert.equal((await child.ended).code, 0);
    }),
  );
}

const STUBS: [name: string, stub: () => unknown][] = [
  ["give nothing back", () => {}],
  ["cannot be let go", () => ({
    unref(): void {
      throw new Error("no such timer");
    },
  })],
];

for (const [name, stub] of STUBS) {
  test(
    `an async write leaves nothing open where timers ${name}`,
    withDatabase(async (path) => {
      const db = open(path, { onWarning: () => {} });
      db.exec("CREATE TABLE t (a)");
      const add = () =>
        db.writeAsync(async (tx) => {
          tx.exec("INSERT INTO t VALUES (1)");
          await null;
        });
      await add();
      // A sleep without a timer keeps no process alive.
      const alive = setInterval(() => {}, 1000);
      const { setTimeout } = globalThis;
      Object.assign(globalThis, { setTimeout: stub });
      const outcome = await add().catch(String);
      Object.assign(globalThis, { setTimeout });
      // Asked of another connection, which would find the lock taken.
      query(path, "INSERT INTO t VALUES (1)");
      await add();
      const rows = outcome === undefined ? "4" : "3";
      assert.equal(query(path, "SELECT count(*) FROM t"), rows);
      clearInterval(alive);
      db.close();
    }),
  );
}

test(
  "who has waited for days is not asleep for long when its turn comes",
  withDatabase(async (path) => {
    const holder = start(otherRuntime(), "database_child.ts");
    await holder.ask({ do: "open", path });
    await holder.ask({ do: "exec", sql: "CREATE TABLE t (a)" });
    await holder.ask({ do: "exec", sql: "BEGIN IMMEDIATE" });
    const child = start(thisRuntime(), LONG, path);
    assert.equal(await child.line(), "waits");
    child.say("days pass");
    assert.equal(await child.line(), "passed");
    await holder.ask({ do: "exec", sql: "COMMIT" });
    assert.equal(await child.line(), "written");
    assert.equal(query(path, "SELECT count(*) FROM t"), "1");
  }),
);
