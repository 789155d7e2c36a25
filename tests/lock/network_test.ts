import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Child } from "../fixtures/children.ts";
import { inFolder } from "../fixtures/folder.ts";
import { runtimes } from "../fixtures/runtimes.ts";

const CHILD = fileURLToPath(
  new URL("fixtures/network_child.ts", import.meta.url),
);

// The number that statfs(2) gives for NFS, least byte first, is put into the
// kernel's answer: a real server would have to be mounted.
const NFS = [
  "strace",
  ...["-f", "-qq", "-o", "/dev/null", "-e", "trace=statfs"],
  ...["-e", "inject=statfs:poke_exit=@arg2=6969000000000000"],
];
const works = spawnSync(NFS[0]!, [...NFS.slice(1), "true"]).status === 0;
const skip = !works && "strace cannot change an answer of the kernel here";

test(
  "a lock on a network filesystem warns once, and says where to look",
  { skip },
  inFolder(async (folder) => {
    await Promise.all(
      runtimes().map(async ({ id, command }) => {
        const [here, there] = [`${folder}/${id}`, `${folder}/${id}-db`];
        for (const place of [here, there]) mkdirSync(place);
        const words = [...command, CHILD, here, there];
        const nfs = await new Child([...NFS, ...words]).ended;
        assert.equal(nfs.code, 0, nfs.stderr);
        const warnings = nfs.stderr.match(/LITELATCH_NETWORK/g);
        assert.equal(warnings?.length, 1, nfs.stderr);
        const text =
          /"[^"]*\/a" is on a network filesystem \(nfs\), .*docs\/many-hosts\.md/;
        assert.match(nfs.stderr, text);
        const told = nfs.stdout.split("\n")
          .filter((line) => line.includes("network filesystem"));
        assert.equal(told.length, 1, nfs.stdout);
        assert.match(told[0]!, /c\.db" is on a network filesystem \(nfs\), /);

        const local = await new Child(words).ended;
        assert.doesNotMatch(local.stdout + local.stderr, /network filesystem/);
      }),
    );
  }),
);
