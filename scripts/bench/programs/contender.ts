/**
 * Waits for a lock, and says at which moment it had it; then holds it until it
 * is killed.
 *
 * Arguments: the folder with the npm packages, the locker, the path.
 *
 * @module
 */

import process from "node:process";
import { clock } from "./clock.ts";
import { type LockerName, lockerOf, type Release } from "./lockers.ts";

const [peers = "", name = "", path = ""] = process.argv.slice(2);

/** What keeps the lock from being collected. */
let held: Release | undefined;

const locker = lockerOf(name as LockerName, peers);
clock();
console.log("waits");
// Only after the word is out: some of these wait with the whole thread.
setTimeout(async () => {
  held = await locker.wait(path);
  console.log(String(clock()));
}, 1);
setInterval(() => held, 60_000);
