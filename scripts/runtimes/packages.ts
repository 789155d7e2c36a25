/**
 * Brings npm packages into a folder of `.runtimes/`.
 *
 * Not imports: without a `package.json` the runtimes find packages in four
 * ways, and the library itself has no dependencies.
 *
 * @module
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { npmBring } from "./fetch.ts";

const RUNTIMES = fileURLToPath(new URL("../../.runtimes/", import.meta.url));

/**
 * Fetches what is missing, saying so on stderr.
 *
 * @returns The folder whose `node_modules` has them.
 * @throws {Error} When npm cannot bring them.
 */
export function fetchPackages(
  name: string,
  packages: Readonly<Record<string, string>>,
): string {
  const folder = join(RUNTIMES, name);
  if (areHere(folder, packages)) return folder;
  const wanted = Object.entries(packages).map((pair) => pair.join("@"));
  console.error(`Fetching ${wanted.join(", ")} through npm …`);
  // No scripts: nothing is built. All at once: npm takes away what it is not
  // told of.
  const said = npmBring(
    folder,
    ["--ignore-scripts", ...wanted],
    () => areHere(folder, packages),
  );
  if (areHere(folder, packages)) return folder;
  throw new Error(`Cannot fetch ${wanted.join(", ")}: ${said}`);
}

function areHere(
  folder: string,
  packages: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(packages).every(([name, version]) => {
    const file = join(folder, "node_modules", name, "package.json");
    if (!existsSync(file)) return false;
    const found: unknown = JSON.parse(readFileSync(file, "utf8"));
    return (found as { version?: unknown }).version === version;
  });
}
