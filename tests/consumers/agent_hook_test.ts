import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { vendor } from "../../scripts/release/vendor.ts";
import { Child, mixed } from "../fixtures/children.ts";
import { copyConsumer } from "../fixtures/consumers.ts";
import { inFolder, query } from "../fixtures/folder.ts";
import { withoutPackages } from "../fixtures/packages.ts";

const HOOKS = 12;
// 50 by hand: LITELATCH_ROUNDS=50 deno task test agent_hook
const ROUNDS = Number(process.env["LITELATCH_ROUNDS"] ?? 3);

test(
  "twelve hooks that end at once write every event, in each round",
  { skip: withoutPackages },
  inFolder(async (folder) => {
    copyConsumer("agent_hook", folder);
    await vendor(folder);
    const hook = join(folder, "hook.js");
    const path = join(folder, "channel.db");
    for (let round = 1; round <= ROUNDS; round++) {
      const hooks = mixed(HOOKS).map(({ command }) =>
        new Child([...command, hook, path])
      );
      // All are up, or nearly so, before the first may go.
      await new Promise((resolve) => setTimeout(resolve, 150));
      hooks.forEach((hook, i) => {
        const input = { session_id: `s${i}`, hook_event_name: "Stop" };
        hook.say(JSON.stringify(input));
        hook.end();
      });
      for (const { ended } of hooks) {
        const { code, stdout, stderr } = await ended;
        assert.equal(code, 0, `round ${round}: ${stderr}`);
        assert.match(stdout, /^\{"continue":true,"systemMessage":"\d+ events/);
      }
      const events = "SELECT count(*) FROM system_event";
      assert.equal(query(path, events), `${round * HOOKS}`);
    }
    const per = "SELECT min(n), max(n), count(*) FROM" +
      " (SELECT count(*) AS n FROM system_event GROUP BY session)";
    assert.equal(query(path, per), `${ROUNDS}|${ROUNDS}|${HOOKS}`);
    assert.equal(query(path, "SELECT count(*) FROM heartbeat"), `${HOOKS}`);
    const ended = "SELECT count(*) FROM session WHERE ended IS NOT NULL";
    assert.equal(query(path, ended), ROUNDS > 1 ? `${HOOKS}` : "0");
    // The last hook of the last round has seen everything.
    const last = "SELECT max(position) FROM read_offset";
    assert.equal(query(path, last), `${ROUNDS * HOOKS}`);
  }),
);
