import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { toPath } from "../../src/os/paths.ts";

/** Runs `body` while the runtime says that this is Windows. */
function onWindows(body: () => void): void {
  const own = Object.getOwnPropertyDescriptor(process, "platform");
  const { platform } = process;
  Object.defineProperty(process, "platform", {
    value: "win32",
    configurable: true,
  });
  try {
    body();
  } finally {
    Object.defineProperty(
      process,
      "platform",
      own ?? { value: platform, configurable: true },
    );
  }
}

// https://learn.microsoft.com/windows/win32/fileio/naming-a-file
const WRONG = [
  ...["app.db.", "app.db ", "app.db...", "app.db. .", "app.db::$DATA"],
  ...["app.db:stream", "NUL", "nul.db", "CON", "con .txt", "PRN", "AUX.db"],
  ...["COM1", "com9.db", "COM¹", "LPT1", "lpt3.txt"],
];
const RIGHT = [
  ...["app.db", ".app", "a.b.c", "a b", "null", "console.db", "com", "com10"],
  ...["lpt", "aux-1", "prnt", "COMX"],
];

test("on Windows a name that leads to another file is refused", () => {
  onWindows(() => {
    for (const name of WRONG) {
      assert.throws(() => toPath(`/folder/${name}`), {
        name: "TypeError",
        message: /^Cannot use .* as a path: it is another on Windows$/,
      }, name);
    }
    for (const name of RIGHT) toPath(`/folder/${name}`);
  });
});

test(
  "elsewhere such a name is as good as any",
  { skip: process.platform === "win32" && "this is Windows" },
  () => {
    for (const name of [...WRONG, ...RIGHT]) {
      assert.equal(toPath(`/folder/${name}`), `/folder/${name}`);
    }
  },
);
