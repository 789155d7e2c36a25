import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import {
  acquireLock,
  acquireLockAsync,
  adopt,
  open,
  openAsync,
  type OpenOptions,
} from "../../mod.ts";
import {
  adoptSettings,
  lockSettings,
  openSettings,
} from "../../src/settings.ts";
import { inFolder } from "../fixtures/folder.ts";

test("every option has the default that is documented", () => {
  const defaults = {
    app: null,
    purpose: null,
    lock: "shared",
    wait: 0,
    legacy: null,
    lease: null,
    onLocked: "throw",
    busyTimeout: 5000,
    synchronous: "normal",
    journalSizeLimit: 16 * 1024 * 1024,
    walAutocheckpoint: 1000,
    foreignKeys: true,
    heartbeat: 30_000,
    onWarning: null,
    onWait: null,
    readOnly: false,
    create: true,
    exitWithParent: false,
  };
  for (const options of [undefined, {}, { wait: undefined }]) {
    assert.deepEqual(openSettings(options as OpenOptions), defaults);
    assert.deepEqual(adoptSettings(options as OpenOptions), defaults);
  }
  assert.deepEqual(lockSettings(undefined), {
    mode: "exclusive",
    app: null,
    purpose: null,
    wait: 0,
    legacy: null,
  });
});

test("options count that are inherited, or come from a getter", () => {
  class Config {
    readonly wait = 5;
    get lock(): string {
      return "exclusive";
    }
  }
  const inherited = Object.create({ lock: "exclusive", wait: 5 });
  for (const options of [new Config() as OpenOptions, inherited]) {
    const { lock, wait } = openSettings(options);
    assert.deepEqual({ lock, wait }, { lock: "exclusive", wait: 5 });
  }
  class Wrong {
    get lock(): string {
      return "exclusiv";
    }
  }
  assert.throws(() => openSettings(new Wrong() as OpenOptions), TypeError);
});

const MISSPELT: [given: string, meant: string][] = [
  ["busytimeout", "busyTimeout"],
  ["busy_timeout", "busyTimeout"],
  ["timeout", "busyTimeout"],
  ["readonly", "readOnly"],
  ["read_only", "readOnly"],
  ["sychronous", "synchronous"],
  ["journalSizelimit", "journalSizeLimit"],
  ["foreignkeys", "foreignKeys"],
  ["foreign_keys", "foreignKeys"],
  ["walAutoCheckpoint", "walAutocheckpoint"],
  ["onlocked", "onLocked"],
  ["waits", "wait"],
  ["locks", "lock"],
  ["App", "app"],
];

for (const [given, meant] of MISSPELT) {
  test(
    `the option ${given} is refused, and ${meant} named`,
    inFolder(async (folder) => {
      const expected = {
        name: "TypeError",
        message: new RegExp(
          `^Cannot open a database: there is no option "${given}", known are ` +
            `(?:.*, )?${meant}(?:,|$)`,
        ),
      };
      const options = { [given]: 1 } as OpenOptions;
      assert.throws(() => open(`${folder}/app.db`, options), expected);
      await assert.rejects(openAsync(`${folder}/app.db`, options), expected);
      assert.deepEqual(readdirSync(folder), []);
    }),
  );
}

test("an unknown option is answered with all of them, in their order", () => {
  assert.throws(
    () => open(":memory:", { zzzzzzzz: 1 } as OpenOptions),
    /there is no option "zzzzzzzz", known are app, purpose, wait, legacy, /,
  );
  for (const name of ["__proto__", "constructor", "toString"]) {
    const options = JSON.parse(`{"${name}": 1}`) as OpenOptions;
    assert.throws(() => open(":memory:", options), TypeError, name);
  }
});

test("a signal that is none is refused, and so is what is no signal", async () => {
  const wrong = { signal: {} } as { signal: AbortSignal };
  const expected = {
    name: "TypeError",
    message:
      /the option "signal" must be an AbortSignal, got \[object Object\]$/,
  };
  await assert.rejects(openAsync(":memory:", wrong), expected);
  await assert.rejects(acquireLockAsync("/nowhere/at/all", wrong), expected);
  const db = open(":memory:");
  let calls = 0;
  const body = () => calls++;
  await assert.rejects(db.writeAsync(body, wrong), expected);
  await assert.rejects(db.writeAsync(body, { sgnal: 1 } as never), {
    name: "TypeError",
    message: 'Cannot write: there is no option "sgnal", known are signal',
  });
  assert.equal(calls, 0);
  db.close();
});

const WRONG: [name: keyof OpenOptions, value: unknown, said: RegExp][] = [
  [
    "lock",
    "shred",
    /"lock" must be "shared" or "exclusive" or "none", got "shred"/,
  ],
  ["wait", -1, /"wait" must be a number of milliseconds, 0 or more, got -1/],
  ["wait", "5", /"wait" must be .*, got "5"/],
  ["wait", NaN, /"wait" must be .*, got NaN/],
  ["busyTimeout", 1.5, /"busyTimeout" must be .*, got 1.5/],
  ["busyTimeout", 2 ** 31, /from 0 to 2147483647, got 2147483648/],
  ["busyTimeout", Infinity, /got Infinity/],
  ["synchronous", "off", /"synchronous" must be "normal" or "full", got "off"/],
  ["journalSizeLimit", -1, /a whole number of bytes, 0 or more, got -1/],
  ["walAutocheckpoint", "1", /a whole number of pages/],
  ["walAutocheckpoint", 2 ** 31, /a whole number of pages/],
  ["foreignKeys", 1, /"foreignKeys" must be true or false, got 1/],
  ["readOnly", "yes", /"readOnly" must be true or false, got "yes"/],
  ["create", null, /"create" must be true or false, got null/],
  ["app", 5, /"app" must be a string, got 5/],
  ["purpose", {}, /"purpose" must be a string, got \[object Object\]/],
  ["onLocked", "warm", /"onLocked" must be "throw" or "warn", got "warm"/],
  ["onWarning", true, /"onWarning" must be a function, got true/],
  ["onWait", 50, /"onWait" must be a function, got 50/],
];

for (const [name, value, said] of WRONG) {
  test(`${name}: ${String(value)} is refused with what it must be`, () => {
    const options = { [name]: value } as OpenOptions;
    const expected = { name: "TypeError", message: said };
    assert.throws(() => open(":memory:", options), expected);
  });
}

test("options that are no object are refused", () => {
  for (const options of [5, "wait", null, true]) {
    const expected = { name: "TypeError", message: /must be an object/ };
    assert.throws(() => open(":memory:", options as OpenOptions), expected);
  }
});

test("adopt and acquireLock take only their own options", () => {
  const readOnly = { readOnly: true } as object;
  assert.throws(() => adopt({}, readOnly), /no option "readOnly"/);
  const busyTimeout = { busyTimeout: 5 } as object;
  assert.throws(
    () => acquireLock("x", busyTimeout),
    /Cannot acquire a lock: there is no option "busyTimeout"/,
  );
});

test("what is no path and what is no SQL is refused by name", () => {
  for (const path of [10n, Object.create(null), NaN, null, "", "\ud800"]) {
    assert.throws(
      () => open(path as string),
      { name: "TypeError", message: /as a path/ },
    );
  }
  // What decodes to no text, or is of another host; Bun took these for "/".
  for (const path of ["file:%ff", "file:/%F0.db", "file://host/app.db"]) {
    const isRefused = { name: "TypeError", message: /on this machine/ };
    assert.throws(() => open(path), isRefused);
    assert.throws(() => acquireLock(path), isRefused);
  }
  // A message may go to a terminal, and so do the causes of an error.
  const unsafe = "\x1b[31m\u202e\u200b\x9b";
  for (const path of [`file:app?${unsafe}`, `/nowhere/${unsafe}/app.db`]) {
    assert.throws(
      () => open(path),
      (error: Error) => !/[\p{Cc}\p{Cf}]/u.test(`${error}${error.cause}`),
    );
  }
  assert.throws(
    () => open("/nowhere/postgres://me:hunter2@host/db"),
    (error: Error) => !error.message.includes("hunter2"),
  );
  const db = open(":memory:");
  for (const sql of [undefined, 5, null, {}]) {
    const refused = { name: "TypeError", message: /it must be text, got/ };
    assert.throws(() => db.exec(sql as string), refused);
    assert.throws(() => db.prepare(sql as string), refused);
  }
  for (const sql of ["", " ;", "-- nothing", "/* nor here */"]) {
    const refused = { name: "TypeError", message: /there is none in the SQL/ };
    assert.throws(() => db.prepare(sql), refused);
    db.exec(sql);
  }
  db.close();
});
