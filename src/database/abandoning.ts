/**
 * Keeps a connection from ever being closed.
 *
 * @module
 */

import type { Connection } from "../driver/contract.ts";
import { sharedState } from "../os/shared_state.ts";

/**
 * Keeps a connection open until the process is gone: where it cannot be made
 * harmless, it must neither be closed nor collected.
 *
 * @param identity `dev:ino` of its database.
 */
export function keepOpen(
  identity: string | null,
  connection: Connection,
): void {
  const { abandoned } = sharedState();
  const kept = abandoned.get(identity ?? "") ?? new Set();
  abandoned.set(identity ?? "", kept);
  kept.add(connection);
}
