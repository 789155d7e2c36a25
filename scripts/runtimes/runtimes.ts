/**
 * The one place that pins the runtimes: what the tests run on, what the demo
 * accepts, and where a missing one comes from.
 *
 * `node` is the line for long support, `node26` the current one, and `node22`
 * the oldest supported release.
 *
 * @module
 */

import process from "node:process";
import { fetchThroughNpm, findFetched } from "./fetch.ts";
import { findInstalled, type Found, isAtLeast } from "./probe.ts";

/** One pinned runtime, before anybody has looked for it. */
export interface Pin {
  readonly id: string;
  /** The program's name, on `PATH` and in the npm registry. */
  readonly program: "deno" | "bun" | "node";
  readonly name: string;
  /** What the tests run on, to the digit. */
  readonly version: string;
  /** The oldest release that the library supports. */
  readonly oldest: string;
  /**
   * The tests run on it only where it is named: a fifth runtime makes all of
   * them a quarter longer, and differs little from the third.
   */
  readonly named?: true;
}

/** Every runtime the tests run on, in the order in which they run. */
export const PINS: readonly Pin[] = [
  {
    id: "deno",
    program: "deno",
    name: "Deno",
    version: "2.9.6",
    oldest: "2.7.14",
  },
  {
    id: "bun",
    program: "bun",
    name: "Bun",
    version: "1.4.5",
    oldest: "1.2.6",
  },
  {
    id: "node",
    program: "node",
    name: "Node",
    version: "24.21.0",
    oldest: "22.16.0",
  },
  {
    id: "node22",
    program: "node",
    name: "Node",
    version: "22.16.0",
    oldest: "22.16.0",
  },
  {
    id: "node26",
    program: "node",
    name: "Node",
    version: "26.10.0",
    oldest: "22.16.0",
    named: true,
  },
];

/** The ids of those that are tried where none is named. */
export const USUAL: readonly string[] = PINS.filter(({ named }) => !named)
  .map(({ id }) => id);

/** A runtime that is here and answers. */
export interface Runtime {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** For people: `"Bun 1.4.5"`. */
  readonly label: string;
  /** The real binary, never a wrapper: a child's PID is the runtime's PID. */
  readonly path: string;
  /** Put a TypeScript file behind this to run it. */
  readonly command: readonly string[];
  /** The command that tests one file and writes a JUnit report. */
  testCommand(file: string, report: string): string[];
}

/**
 * Finds the pinned version, fetching it through npm where it is missing.
 *
 * @throws {Error} When it is missing and npm cannot bring it.
 */
export function pinnedRuntime(id: string): Runtime {
  return exactRuntime(pinOf(id));
}

/**
 * The oldest release of a program that the library supports, likewise.
 *
 * @throws {Error} When it is missing and npm cannot bring it.
 */
export function oldestRuntime(id: string): Runtime {
  const pin = pinOf(id);
  return exactRuntime({ ...pin, version: pin.oldest });
}

function exactRuntime(pin: Pin): Runtime {
  const exactly = (found: Found) => found.version === pin.version;
  const found = running(pin, exactly) ?? findInstalled(pin.program, exactly) ??
    findFetched(pin) ?? fetchThroughNpm(pin);
  return describe(pin, found);
}

/**
 * Finds any supported version, an installed one first. Only the tests insist
 * on exact versions; whoever runs the demo should not wait for a download.
 *
 * @throws {Error} When none is installed and npm cannot bring one.
 */
export function anyRuntime(id: string): Runtime {
  const pin = pinOf(id);
  const enough = (found: Found) => isAtLeast(found.version, pin.oldest);
  const found = running(pin, enough) ?? findInstalled(pin.program, enough) ??
    findFetched(pin) ?? fetchThroughNpm(pin);
  return describe(pin, found);
}

function pinOf(id: string): Pin {
  const pin = PINS.find((pin) => pin.id === id);
  if (pin !== undefined) return pin;
  const known = PINS.map((pin) => pin.id).join(", ");
  throw new Error(
    `Cannot find a runtime: the id must be one of ${known}, got "${id}"`,
  );
}

/** The Deno that runs this script needs no looking for. */
function running(pin: Pin, fits: (found: Found) => boolean): Found | null {
  const version = process.versions["deno"];
  if (pin.program !== "deno" || version === undefined) return null;
  const found = { version, path: process.execPath };
  return fits(found) ? found : null;
}

/** A runtime that answered. */
export function describe(pin: Pin, found: Found): Runtime {
  const { version, path } = found;
  const command = runCommand(pin.program, found);
  return {
    id: pin.id,
    name: pin.name,
    version,
    label: `${pin.name} ${version}`,
    path,
    command,
    testCommand: (file, report) =>
      testCommand(pin.program, path, command, file, report),
  };
}

function runCommand(program: Pin["program"], found: Found): string[] {
  if (program === "deno") return [found.path, "run", "-A"];
  // Node runs TypeScript without a flag since 22.18 and 23.6. The warning about
  // the flag has no code of its own, so this also hides the one about SQLite.
  const line = found.version.startsWith("23.") ? "23.6.0" : "22.18.0";
  if (program === "node" && !isAtLeast(found.version, line)) {
    const quiet = "--disable-warning=ExperimentalWarning";
    return [found.path, "--experimental-strip-types", quiet];
  }
  return [found.path];
}

function testCommand(
  program: Pin["program"],
  path: string,
  command: readonly string[],
  file: string,
  report: string,
): string[] {
  switch (program) {
    case "deno":
      // The types were checked once already, as a check of its own.
      return [path, "test", "-A", "--no-check", `--junit-path=${report}`, file];
    case "bun": {
      // Bun's own limit of 5 s per test is too short for many processes on
      // a slow machine. Without "./" the file would be a filter.
      const junit = ["--reporter=junit", `--reporter-outfile=${report}`];
      return [path, "test", "--timeout=120000", ...junit, `./${file}`];
    }
    case "node":
      // Without --test, which would put one more process in between.
      return [
        ...command,
        "--test-reporter=spec",
        "--test-reporter-destination=stdout",
        "--test-reporter=junit",
        `--test-reporter-destination=${report}`,
        file,
      ];
  }
}
