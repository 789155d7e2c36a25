/**
 * Commits, one after the other, with checkpoints and new connections between;
 * all that it writes is recorded from outside.
 *
 *     power_writer.ts <target> <log> <id> <seed> <synchronous> <commits>
 *
 * @module
 */

import process from "node:process";
import { type Database, open } from "../../../mod.ts";
import { random } from "../seed.ts";
import { openLog } from "./log.ts";

const [target = "", path = "", id = "", seed = "", how = "", most = ""] =
  process.argv.slice(2);
const log = openLog(path, id);
const chance = random(seed);

function connect(): Database {
  return open(target, {
    synchronous: how === "full" ? "full" : "normal",
    // Small, so that checkpoints and truncations come often.
    walAutocheckpoint: chance.between(4, 40),
    journalSizeLimit: 32 * 1024,
    heartbeat: false,
    onWarning: () => {},
  });
}

let db = connect();
for (let n = 1; n <= Number(most); n++) {
  db.write(() => {
    const insert = db.prepare("INSERT INTO t VALUES (?, ?, zeroblob(?))");
    insert.run(id, n, chance.between(0, 6000));
    insert.run(id, -n, chance.between(0, 600));
    // Old pages are written again, not only new ones.
    db.prepare("UPDATE t SET b = randomblob(20) WHERE i = ?")
      .run(chance.between(1, n));
  });
  log.say("ack", n);
  if (chance.chance(0.04)) db.checkpoint();
  if (chance.chance(0.04)) {
    db.close();
    db = connect();
  }
}
db.close();
