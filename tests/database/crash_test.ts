import assert from "node:assert/strict";
import { test } from "node:test";
import { open } from "../../mod.ts";
import { type Child, mixed, start } from "../fixtures/children.ts";
import { query, withDatabase } from "../fixtures/folder.ts";
import { KILLED } from "../fixtures/machine.ts";
import { rounds } from "./fixtures/rounds.ts";

const WRITER = new URL("fixtures/crash_writer.ts", import.meta.url);

test(
  "no commit that was acknowledged is lost, whoever is killed",
  withDatabase(async (path) => {
    const db = open(path, { onWarning: () => {} });
    db.exec("CREATE TABLE t (writer TEXT, i INTEGER, b BLOB)");
    db.close();

    const runtimes = mixed(4);
    const writers: { id: string; child: Child }[] = [];
    const begin = async (place: number) => {
      const id = `w${writers.length}`;
      const runtime = runtimes[place % runtimes.length];
      assert.ok(runtime !== undefined);
      const child = start(runtime, WRITER, path, id);
      writers.push({ id, child });
      await child.line(); // it writes now
      return child;
    };
    const living = await Promise.all(runtimes.map((_, i) => begin(i)));

    const count = rounds(5);
    for (let kill = 0; kill < count; kill++) {
      const place = Math.floor(Math.random() * living.length);
      await new Promise((resolve) => {
        setTimeout(resolve, Math.random() * 60);
      });
      const victim = living[place] as Child;
      victim.kill("SIGKILL");
      const { signal, stderr } = await victim.ended;
      assert.equal(signal, KILLED, stderr);
      living[place] = await begin(place);
    }
    for (const child of living) child.kill("SIGKILL");
    await Promise.all(living.map((child) => child.ended));

    const found = new Map(
      query(
        path,
        "SELECT group_concat(writer || ' ' || n || ' ' || hi || ' ' || lo, '|')" +
          " FROM (SELECT writer, count(*) AS n, max(i) AS hi, min(i) AS lo" +
          " FROM t GROUP BY writer)",
      ).split("|").map((row) => {
        const [writer = "", ...numbers] = row.split(" ");
        return [writer, numbers.map(Number)];
      }),
    );
    assert.equal(found.size, writers.length);
    for (const { id, child } of writers) {
      const said = child.lines.length;
      const [rows = 0, largest = 0, smallest = 0] = found.get(id) ?? [];
      // One commit may have been done and not yet said.
      assert.ok(rows === 2 * said || rows === 2 * said + 2, `${id}: ${rows}`);
      assert.equal(largest, rows / 2 - 1);
      assert.equal(smallest + largest, 0);
    }
    console.log(
      `${found.size} writers, ${
        writers.reduce((sum, { child }) => sum + child.lines.length, 0)
      } commits acknowledged`,
    );
  }),
);
