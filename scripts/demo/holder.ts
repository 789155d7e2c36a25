/**
 * A process that holds a database exclusively until stdin is closed.
 *
 * @module
 */

import process from "node:process";
import { open } from "../../mod.ts";

const db = open(process.argv[2] ?? "", {
  app: "agent-channel",
  purpose: "migrate",
  lock: "exclusive",
  onWarning: () => {}, // the storm has shown it already
});
process.stdout.write("holding\n");
process.stdin.on("end", () => db.close()).resume();
