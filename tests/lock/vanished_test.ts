import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import {
  assertRefused,
  assertWon,
  LockProcess,
} from "../fixtures/lock_processes.ts";
import { needs } from "../fixtures/machine.ts";
import { Company } from "./fixtures/company.ts";

const company = new Company();
const skip = needs("/proc");

for (const mode of ["exclusive", "shared"]) {
  test(
    `a lock file deleted under its ${mode} holder lets nobody in`,
    { skip },
    async () => {
      await Promise.all(
        company.pairs().map(async ({ kind, other }) => {
          const path = company.newPath();
          const ask = (options: object) =>
            other.ask({ do: "acquire", as: path, path, options });
          const holder = await LockProcess.start(kind);
          assertWon(await holder.acquire(path, { mode }));
          for (let times = 0; times < 2; times++) {
            rmSync(`${path}.lock`);
            const answer = await ask({ wait: 20 });
            assertRefused(answer, [holder.pid]);
            assert.match(
              answer.message!,
              /\.lock was deleted, replaced or read while/,
            );
            if (mode === "exclusive") {
              assertRefused(await ask({ mode: "shared" }), [holder.pid]);
            }
          }
          if (mode === "exclusive") await holder.kill();
          else await holder.ask({ do: "release" });
          assertWon(await ask({}));
          await holder.kill();
        }),
      );
    },
  );
}
