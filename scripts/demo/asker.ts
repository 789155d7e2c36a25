/**
 * A process that opens a database which another one holds, and prints the
 * refusal as any program would.
 *
 * @module
 */

import process from "node:process";
import { LockedError, open } from "../../mod.ts";

try {
  open(process.argv[2] ?? "", { app: "stop-hook", onWarning: () => {} });
} catch (error) {
  if (!(error instanceof LockedError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
