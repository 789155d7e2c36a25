/**
 * The same lock for several hosts, as a lease on etcd.
 *
 * A lock file means nothing to another host. etcd is a small database that
 * several hosts run together and that agrees with itself; a lease there is
 * held by one process at a time, and ends by itself when its holder is gone.
 *
 * ```ts
 * import { acquireLease } from "@litelatch/litelatch/etcd";
 *
 * const lease = await acquireLease("nightly-report", {
 *   endpoints: ["http://127.0.0.1:2379"],
 *   app: "reporter",
 *   wait: 60_000,
 * });
 * try {
 *   console.log(`fence ${lease.fence}, held: ${lease.held}`);
 * } finally {
 *   await lease.release();
 * }
 * ```
 *
 * @module
 */

export { acquireLease } from "./acquire_lease.ts";
export { fenced } from "./fencing.ts";
export { Lease } from "./lease_handle.ts";
export type { Standing } from "./standing.ts";
export type { LeaseAuth, LeaseOptions, LeaseTls } from "./lease_options.ts";
export {
  type ErrorCode,
  LitelatchError,
  LockedError,
  LockLostError,
  UnsupportedError,
} from "../errors.ts";
export type {
  Attachment,
  Holder,
  LeasedDatabase,
  LeaseLike,
  LockMode,
} from "../options.ts";
