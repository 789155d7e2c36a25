import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { acquireLock, adopt, open, type OpenOptions } from "../../mod.ts";
import { inFolder } from "../fixtures/folder.ts";
import { raw } from "../fixtures/losing.ts";
import { needs } from "../fixtures/machine.ts";

const NASTY = "\x1b[2J\x1b]0;x\x07\r\x9b31m\u202eevil\u2066\u200b\u2028\nPID 1";

/** What each way to be refused says, of a database in this folder. */
function refusals(folder: string): string[] {
  mkdirSync(folder);
  const path = join(folder, `app${folder}.db`.replaceAll("/", ""));
  const said: string[] = [];
  const still = {
    heartbeat: false,
    busyTimeout: 0,
    onWarning: (message: string) => void said.push(message),
  } as const;
  const refuse = (act: () => unknown) => {
    try {
      act();
    } catch (error) {
      return void said.push((error as Error).message);
    }
    throw new assert.AssertionError({ message: "it was not refused" });
  };
  const db = open(path, still);
  const native = raw(path);
  native.exec("BEGIN IMMEDIATE");
  refuse(() => db.write(() => {}));
  refuse(() => adopt(native.native, still));
  native.close();
  refuse(() => acquireLock(path));
  refuse(() => open(folder));
  refuse(() => open(join(path, "none", "app.db")));
  refuse(() => open(path, { [NASTY]: 1 } as OpenOptions));
  refuse(() => open(path, { synchronous: NASTY } as unknown as OpenOptions));
  refuse(() => db.prepare("SELECT :a").get({ [NASTY]: 1 }));
  open(path, { ...still, lock: "exclusive", onLocked: "warn" }).close();
  db.close();
  refuse(() => db.exec("SELECT 1"));
  return said.filter((message) => !message.includes("WAL-reset"));
}

test(
  "a name with escapes or line breaks changes no message",
  { skip: needs("names") },
  inFolder((folder) => {
    const plain = refusals(join(folder, "plain"));
    const nasty = refusals(join(folder, NASTY));
    assert.equal(plain.length, 10);
    nasty.forEach((message, i) => {
      assert.doesNotMatch(message, /[^\P{C}\n]|[\p{Zl}\p{Zp}]/u);
      const lines = message.split("\n").length;
      assert.equal(lines, plain[i]?.split("\n").length, message);
    });
  }),
);
