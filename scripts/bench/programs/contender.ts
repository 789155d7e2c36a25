/**
 * Asks for a lock when it is told to, and says at which moment it had it; then
 * holds it until it is killed.
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
process.stdin.once("data", async () => {
  held = await locker.wait(path);
  console.log(String(clock()));
});
setInterval(() => held, 60_000);
console.log("ready");
