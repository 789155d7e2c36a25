import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Child } from "../fixtures/children.ts";
import { inFolder } from "../fixtures/folder.ts";
import { needs } from "../fixtures/machine.ts";
import { runtimes } from "../fixtures/runtimes.ts";

const CHILD = fileURLToPath(
  new URL("fixtures/network_child.ts", import.meta.url),
);

const skip = needs("/proc");

test(
  "a lock on a network filesystem warns once, and says where to look",
  { skip },
  inFolder(async (folder) => {
    await Promise.all(
      runtimes().map(async ({ id, command }) => {
        const [here, there] = [`${folder}/${id}`, `${folder}/${id}-db`];
        for (const place of [here, there]) mkdirSync(place);
        const words = [...command, CHILD, here, there];
        const nfs = await new Child([...words, "nfs4"]).ended;
        assert.equal(nfs.code, 0, nfs.stderr);
        const warnings = nfs.stderr.match(/LITELATCH_NETWORK/g);
        assert.equal(warnings?.length, 1, nfs.stderr);
        const text =
          /"[^"]*\/a" is on a network filesystem \(nfs4\), .*docs\/many-hosts\.md/;
        assert.match(nfs.stderr, text);
        const told = nfs.stdout.split("\n")
          .filter((line) => line.includes("network filesystem"));
        assert.equal(told.length, 1, nfs.stdout);
        assert.match(told[0]!, /c\.db" is on a network filesystem \(nfs4\), /);

        const local = await new Child(words).ended;
        assert.doesNotMatch(local.stdout + local.stderr, /network filesystem/);
      }),
    );
  }),
);
