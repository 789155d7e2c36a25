/**
 * The npm packages that litelatch is compared with, in `.runtimes/peers`.
 *
 * @module
 */

import { buildAddon } from "../runtimes/addons.ts";
import { fetchPackages } from "../runtimes/packages.ts";
import { pinnedRuntime } from "../runtimes/runtimes.ts";

/** Their versions. */
export const PEERS = {
  // It has built binaries in its package since 13.
  "better-sqlite3": "13.2.0",
  "proper-lockfile": "4.1.2",
  "lockfile": "1.0.4",
  "cross-process-lock": "2.2.0",
  "fs-ext": "2.1.1",
  "os-lock": "2.0.0",
};

/** Those that are built from C when they are installed. */
const BUILT = ["fs-ext", "os-lock"] as const;

/** Why a package cannot be used, by its name; none where all can. */
export type Missing = Readonly<Record<string, string>>;

/**
 * Fetches what is missing, saying so on stderr.
 *
 * @returns The folder whose `node_modules` has them.
 * @throws {Error} When npm cannot bring them.
 */
export function peerFolder(): string {
  return fetchPackages("peers", PEERS);
}

/** Builds what has to be built, and says what could not be. */
export function buildPeers(folder: string): Missing {
  const node = pinnedRuntime("node");
  const missing: Record<string, string> = {};
  for (const name of BUILT) {
    const trouble = buildAddon(folder, name, node);
    if (trouble !== "") missing[name] = trouble;
  }
  return missing;
}

/** The packages that lock a file. */
export const LOCKERS = [
  "proper-lockfile",
  "lockfile",
  "cross-process-lock",
  "fs-ext",
  "os-lock",
] as const;

/** For people: `"lockfile 1.0.4"`. */
export function versionsOf(names: readonly (keyof typeof PEERS)[]): string[] {
  return names.map((name) => `${name} ${PEERS[name]}`);
}
