/**
 * The npm packages that some tests need, in `.runtimes/packages`.
 *
 * @module
 */

import { fetchPackages } from "../runtimes/packages.ts";

/** By name and version. */
export const PACKAGES = {
  "fast-check": "4.10.2",
  // It has built binaries in its package since 13.
  "better-sqlite3": "13.2.0",
  // What the README's "Adopting it" and tests/consumers/ are tried with.
  "@modelcontextprotocol/sdk": "1.32.2",
  "zod": "4.6.7",
  "drizzle-orm": "0.45.4",
  "kysely": "0.29.9",
  "proper-lockfile": "4.1.2",
  // The last release with a pidfile lock of its own, #560.
  "context-mode": "1.0.131",
  // What a user of the published types has.
  "typescript": "5.9.3",
  "@types/node": "22.20.5",
};

/**
 * Fetches what is missing, saying so on stderr.
 *
 * @throws {Error} When npm cannot bring it.
 */
export function testPackages(): string {
  return fetchPackages("packages", PACKAGES);
}

/** What has the library as a guest in its process, or sits beside it there. */
export const NEIGHBOURS = {
  "@photostructure/sqlite": "2.6.0",
  "@sinonjs/fake-timers": "15.5.0",
  "execa": "10.2.1",
  "jest": "30.5.2",
  "libsql": "0.5.29",
  "signal-exit": "4.1.0",
  "vite": "8.3.8",
  "vitest": "5.1.1",
};

/**
 * Fetches what is missing, into a folder of its own.
 *
 * @throws {Error} When npm cannot bring it.
 */
export function neighbours(): string {
  return fetchPackages("neighbours", NEIGHBOURS);
}

/** What looks at the published package, as its users' tools do. */
export const PACKAGING_TOOLS = {
  "publint": "0.3.25",
  "@arethetypeswrong/cli": "0.18.5",
  // The other major than the one above.
  "typescript": "7.0.2",
};

/**
 * Fetches what is missing, into a folder of its own.
 *
 * @throws {Error} When npm cannot bring it.
 */
export function packagingTools(): string {
  return fetchPackages("packaging", PACKAGING_TOOLS);
}

/** What whole applications use: ORMs, and a load for a server. */
const APPLICATION_PACKAGES = {
  "better-sqlite3": "13.2.0",
  "kysely": "0.29.9",
  "drizzle-orm": "0.45.4",
  "knex": "3.3.0",
  "autocannon": "9.0.0",
};

// By itself: it asks for a better-sqlite3 that has no built binaries.
const TYPEORM = { "typeorm": "1.1.1" };

/**
 * Fetches what is missing, into folders of their own.
 *
 * @throws {Error} When npm cannot bring it.
 */
export function applicationPackages(): string[] {
  return [
    fetchPackages("applications", APPLICATION_PACKAGES),
    fetchPackages("typeorm", TYPEORM),
  ];
}

const PRISMA = {
  "prisma": "7.10.0",
  "@prisma/client": "7.10.0",
  "@prisma/adapter-libsql": "7.10.0",
  "@prisma/driver-adapter-utils": "7.10.0",
};

/**
 * Fetches what is missing, into a folder of its own: it is large.
 *
 * @throws {Error} When npm cannot bring it.
 */
export function prismaPackages(): string {
  return fetchPackages("prisma", PRISMA);
}

// The last whose CLI has the schema engine in it; 7 fetches a binary.
const PRISMA_CLI = {
  "prisma": "6.19.0",
  "@prisma/adapter-libsql": "6.19.0",
};

/**
 * Fetches what is missing, into a folder of its own.
 *
 * @throws {Error} When npm cannot bring it.
 */
export function prismaCliPackages(): string {
  return fetchPackages("prisma_cli", PRISMA_CLI);
}
