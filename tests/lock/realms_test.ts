import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";
import type * as Litelatch from "../../mod.ts";
import { bundler } from "../../scripts/release/bundle.ts";
import { vendor } from "../../scripts/release/vendor.ts";
import { otherRuntime, start } from "../fixtures/children.ts";
import { inFolder } from "../fixtures/folder.ts";
import { withoutPackages } from "../fixtures/packages.ts";

test(
  "the copies in two vm contexts count together, and share one exit listener",
  { skip: withoutPackages },
  inFolder(async (folder) => {
    await vendor(folder);
    const out = join(folder, "script.js");
    const { status, stderr } = spawnSync(bundler(), [
      ...["--bundle", "--format=iife", "--global-name=litelatch"],
      ...["--platform=node", `--outfile=${out}`, join(folder, "litelatch.mjs")],
    ], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    const code = `${readFileSync(out, "utf8")}\nlitelatch`;
    const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
    const load = () =>
      runInContext(
        code,
        createContext({
          // No more than that is there with jsdom in Jest.
          ...{ process, performance, URL },
          ...{ setTimeout, clearTimeout, setInterval, clearInterval },
          Bun: (globalThis as { Bun?: unknown }).Bun,
          Deno: (globalThis as { Deno?: unknown }).Deno,
        }),
      ) as typeof Litelatch;
    const path = join(folder, "app");
    const listeners = process.listenerCount("exit");
    const copies = Array.from({ length: 12 }, load);
    const locks = copies.map(({ acquireLock }) => acquireLock(path));
    assert.equal(process.listenerCount("exit"), listeners + 1);
    // To another mode than that of another copy it is refused by name.
    assert.throws(
      () => load().acquireLock(path, { mode: "shared" }),
      { name: "LockedError" },
    );
    for (const lock of locks) {
      assert.equal(lock.held, true);
      lock.release();
    }
    const other = start(otherRuntime(), "database_child.ts");
    const held = join(folder, "held.db");
    const options = { lock: "exclusive" };
    await other.ask({ do: "open", path: held, options });
    assert.throws(
      () => load().open(held),
      new RegExp(`LockedError: .* exclusively by PID ${other.pid} `),
    );
    load().acquireLock(path, { mode: "shared" }).release();
    assert.equal(process.listenerCount("exit"), listeners);
  }),
);
