/**
 * Prints the version of the runtime's SQLite.
 *
 * @module
 */

import { connectRaw } from "./raw.ts";

const db = connectRaw(":memory:");
const row = db.prepare("SELECT sqlite_version() AS version").get();
console.log((row as { version: string }).version);
db.close();
