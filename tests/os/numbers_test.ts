import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { identityOf, stat } from "../../src/os/stat.ts";
import { inFolder } from "../fixtures/folder.ts";
import { needs } from "../fixtures/machine.ts";
import { withoutMounts } from "../fixtures/privileges.ts";
import { thisRuntime } from "../fixtures/runtimes.ts";

/** A file's number, by a program that does not round. */
function numberOf(path: string): string {
  const { stdout } = spawnSync("stat", ["-c", "%i", path], {
    encoding: "utf8",
  });
  return stdout.trim();
}

test(
  "file numbers beyond 2^53 are told apart; on Deno, which rounds, all ways round alike",
  { skip: (needs("/proc") && "needs Linux") || withoutMounts },
  inFolder((folder) => {
    // Files of the lower of two disks get a bit of their own, the uppermost.
    const [lower, disk, mounted] = ["lower", "disk", "mounted"]
      .map((name) => join(folder, name)) as [string, string, string];
    for (const place of [lower, disk, mounted]) mkdirSync(place);
    const mount = (...words: string[]) => spawnSync("mount", words).status;
    assert.equal(mount("-t", "tmpfs", "tmpfs", disk), 0);
    try {
      for (const name of ["upper", "work"]) mkdirSync(join(disk, name));
      const how =
        `lowerdir=${lower},upperdir=${disk}/upper,workdir=${disk}/work`;
      for (let i = 0; i < 9; i++) writeFileSync(join(lower, `${i}.file`), "");
      const args = ["-o", `${how},xino=on`, mounted];
      if (mount("-t", "overlay", "overlay", ...args) !== 0) return;
      const files = Array.from({ length: 9 }, (_, i) => `${mounted}/${i}.file`);
      const exact = files.map(numberOf);
      assert.ok(BigInt(exact[0] ?? "") > 2n ** 53n, exact[0]);
      const quick = files.map((file) => identityOf(file)?.split(":")[1]);
      const whole = files.map((file) => stat(file)?.identity);
      assert.deepEqual(whole, files.map((file) => identityOf(file)));
      const rounded = exact.map((number) => String(BigInt(Number(number))));
      const rounds = thisRuntime().id === "deno";
      assert.deepEqual(quick, rounds ? rounded : exact);
    } finally {
      spawnSync("umount", [mounted]);
      spawnSync("umount", [disk]);
    }
  }),
);
