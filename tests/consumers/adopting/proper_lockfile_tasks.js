import { acquireLockAsync } from "litelatch";

let last = Promise.resolve();

/** Runs one task after the other in this process, and one process at a time. */
function alone(task) {
  const done = last.then(async () => {
    const lock = await acquireLockAsync("data", { wait: 10_000 });
    try {
      return await task();
    } finally {
      lock.release();
    }
  });
  last = done.catch(() => {});
  return done;
}

await alone(() => console.log("alone in data/"));
