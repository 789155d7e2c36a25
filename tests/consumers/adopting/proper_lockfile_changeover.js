import { acquireLockAsync } from "litelatch";
import { legacyLocks } from "litelatch/legacy";

// "data.lock" is the old version's, so litelatch's own lock needs another name
// for as long as the old version may still run.
const lock = await acquireLockAsync("data/all", {
  app: "my-tool",
  wait: 10_000,
  legacy: legacyLocks("data.lock"),
});
console.log("alone in data/");
lock.release();
