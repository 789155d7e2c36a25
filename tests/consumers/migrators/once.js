import { acquireLockAsync } from "litelatch";

/** Lets one process at a time migrate; the others find nothing to do. */
export async function once(path, migrate) {
  const lock = await acquireLockAsync(`${path}-migration`, {
    purpose: "migrate",
    wait: 10 * 60_000,
  });
  try {
    return await migrate();
  } finally {
    lock.release();
  }
}
