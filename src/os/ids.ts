/** Random names. @module */

import { now } from "./clock.ts";

/**
 * Sixteen hexadecimal digits that nobody else comes up with. They are a name
 * and no secret: whatever is called by it is created with O_EXCL.
 *
 * Not `crypto.randomUUID()`, whose first call costs Node 4.7 ms of a hook's
 * start. Bun seeds Math.random() with 32 bits only, hence the clock and the PID.
 */
export function randomId(): string {
  const microseconds = (Date.now() + now()) * 1000;
  return digits(microseconds) + digits(Math.imul(process.pid, 0x9e3779b1));
}

function digits(mixedIn: number): string {
  const word = (Math.random() * 2 ** 32) ^ mixedIn;
  return (word >>> 0).toString(16).padStart(8, "0");
}
