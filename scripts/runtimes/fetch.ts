/**
 * Brings a runtime through npm, into `.runtimes/<program>-<version>`.
 *
 * The npm packages `bun`, `node` and `deno` fetch or place their binary with
 * an install script. Where scripts are switched off, the binary's own package
 * for this platform is asked for by name.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Found, probe } from "./probe.ts";
import type { Pin } from "./runtimes.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A download may be slow, but it may not hang for ever. */
const PATIENCE = 10 * 60_000;

/** A registry may be out of order for a moment. */
const PAUSES_MS = [2000, 10_000];

/** The runtime that an earlier run fetched, or `null`. */
export function findFetched(pin: Pin): Found | null {
  for (const binary of places(pin)) {
    const path = join(folderOf(pin), "node_modules", binary);
    const found = existsSync(path) ? probe(path, pin.program) : null;
    if (found?.version === pin.version) return found;
  }
  return null;
}

/** Fetches the runtime, saying so on stderr. */
export function fetchThroughNpm(pin: Pin): Found {
  const label = `${pin.name} ${pin.version}`;
  console.error(`${label} is not installed: fetching it through npm …`);
  // The second try is for npm with ignore-scripts, and takes no scripts.
  const tries = [
    [`${pin.program}@${pin.version}`],
    ["--ignore-scripts", `${platformPackage(pin)}@${pin.version}`],
  ];
  let said = "";
  for (const what of tries) {
    const isHere = () => findFetched(pin) !== null;
    said = npmBring(folderOf(pin), what, isHere) || said;
    const found = findFetched(pin);
    if (found !== null) return found;
  }
  throw new Error(
    `Cannot fetch ${label}: ${said || "npm brought no binary that runs here"}`,
  );
}

/**
 * A tool of npm's with a binary for this platform, `@<name>/<platform>-<arch>`,
 * fetched on first use.
 *
 * @throws {Error} When npm cannot bring it.
 */
export function fetchTool(tool: { name: string; version: string }): string {
  const { platform, arch } = process;
  const own = `@${tool.name}/${platform}-${arch}`;
  const folder = join(ROOT, ".runtimes", `${tool.name}-${tool.version}`);
  const file = platform === "win32"
    ? `${tool.name}.exe`
    : join("bin", tool.name);
  const path = join(folder, "node_modules", own, file);
  if (existsSync(path)) return path;
  console.error(`Fetching ${tool.name} ${tool.version} through npm …`);
  const what = ["--ignore-scripts", `${own}@${tool.version}`];
  const said = npmBring(folder, what, () => existsSync(path));
  if (existsSync(path)) return path;
  throw new Error(`Cannot fetch ${tool.name}: ${said || "no binary came"}`);
}

/**
 * Runs npm so that the folder appears whole. When two test files brought one
 * tool at a time, the second npm wrote over an add-on that the first had
 * loaded, and the process died of SIGBUS.
 *
 * @param isHere Whether the folder has what is wanted.
 * @returns What npm complained about, or `""`.
 */
export function npmBring(
  folder: string,
  what: string[],
  isHere: () => boolean,
): string {
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  try {
    const said = npmInstall(draft, what, PAUSES_MS);
    try {
      renameSync(draft, folder);
    } catch {
      // Somebody was sooner, or it holds other versions.
      if (isHere()) return "";
      rmSync(folder, { recursive: true, force: true });
      renameSync(draft, folder);
    }
    return said;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/**
 * Runs npm.
 *
 * @param pausesMs How long to wait before each further try; none by default.
 * @returns What npm complained about, or `""`.
 */
export function npmInstall(
  folder: string,
  what: string[],
  [pauseMs, ...further]: readonly number[] = [],
): string {
  const windows = process.platform === "win32";
  const { status, stderr, error } = spawnSync(windows ? "npm.cmd" : "npm", [
    "install",
    "--prefix",
    folder,
    "--no-save",
    "--no-package-lock",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    ...what,
  ], {
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
    timeout: PATIENCE,
    shell: windows, // a .cmd file cannot be started without one
  });
  if (error !== undefined) return `npm did not run (${error.message})`;
  if (status === 0) return "";
  if (pauseMs === undefined) return `npm failed\n${stderr.trim()}`;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
  return npmInstall(folder, what, further);
}

function folderOf(pin: Pin): string {
  return join(ROOT, ".runtimes", `${pin.program}-${pin.version}`);
}

/** Where the packages keep the binary, below `node_modules`. */
function places(pin: Pin): string[] {
  const own = platformPackage(pin);
  const ending = process.platform === "win32" ? ".exe" : "";
  switch (pin.program) {
    case "bun":
      return ["bun/bin/bun.exe", `${own}/bin/bun${ending}`];
    case "node":
      return [
        `node/bin/node${ending}`,
        `node/node_modules/${own}/bin/node${ending}`,
        `${own}/bin/node${ending}`,
      ];
    case "deno":
      return [`deno/deno${ending}`, `${own}/deno${ending}`];
  }
}

function platformPackage(pin: Pin): string {
  const { platform, arch } = process;
  switch (pin.program) {
    case "bun": {
      const os = platform === "win32" ? "windows" : platform;
      return `@oven/bun-${os}-${arch === "arm64" ? "aarch64" : arch}`;
    }
    case "node":
      return `node-${platform === "win32" ? "win" : platform}-${arch}`;
    case "deno":
      return `@deno/${platform}-${arch}${platform === "linux" ? "-glibc" : ""}`;
  }
}
