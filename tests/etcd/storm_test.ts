import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Child, start } from "../fixtures/children.ts";
import { inFolder } from "../fixtures/folder.ts";
import { runtimes } from "../fixtures/runtimes.ts";
import { Etcd, needsEtcd } from "./fixtures/etcd.ts";

const CHURN = new URL("fixtures/churn.ts", import.meta.url);

// LITELATCH_CONTENDERS=50 LITELATCH_ACQUISITIONS=1000 is some minutes of it.
const CONTENDERS = Number(process.env["LITELATCH_CONTENDERS"] ?? 9);
const ACQUISITIONS = Number(process.env["LITELATCH_ACQUISITIONS"] ?? 60);
const HOSTS = 3;
const PATIENCE_MS = 120_000;

test(
  "of many contenders on three hosts one holds at a time, in their order",
  needsEtcd,
  inFolder(async (folder) => {
    const etcd = await Etcd.start({ members: 3 });
    try {
      const kinds = runtimes();
      const hosts: Child[] = Array.from({ length: HOSTS }, (_, i) => {
        const share = Math.ceil((CONTENDERS - i) / HOSTS);
        const words = [etcd.endpoints.join(","), folder, `${share}`];
        return start(kinds[i % kinds.length]!, CHURN, ...words);
      });
      const log = `${folder}/log`;
      const held = () =>
        existsSync(log)
          ? readFileSync(log, "utf8").split("\n").slice(0, -1)
          : [];
      const errors = () =>
        hosts.flatMap(({ lines }) => lines)
          .filter((line) => !line.startsWith("held"));
      let before = 0;
      let since = Date.now();
      const began = Date.now();
      while (held().length < ACQUISITIONS && errors().length === 0) {
        if (held().length > before) {
          [before, since] = [held().length, Date.now()];
        }
        assert.ok(Date.now() - since < PATIENCE_MS, "nobody gets the lease");
        await pause(50);
      }
      const took = Date.now() - began;
      for (const host of hosts) host.end();
      for (
        const { code, stderr } of await Promise.all(hosts.map((h) => h.ended))
      ) {
        assert.equal(code, 0, stderr);
      }
      assert.deepEqual(errors(), []);
      // etcd numbers the askers as they come: served in that order, the numbers
      // of the holders only grow.
      const fences = held().map(Number);
      assert.deepEqual(fences, [...fences].sort((a, b) => a - b));
      assert.equal(new Set(fences).size, fences.length);
      const said = hosts.flatMap(({ lines }) => lines).length;
      assert.equal(said, fences.length);
      assert.deepEqual(await etcd.keys(), []);
      if (process.env["LITELATCH_ACQUISITIONS"] !== undefined) {
        console.log({ contenders: CONTENDERS, held: fences.length, took });
      }
    } finally {
      await etcd.end();
    }
  }),
);
