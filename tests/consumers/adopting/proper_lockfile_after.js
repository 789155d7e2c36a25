import { acquireLockAsync } from "litelatch";

const lock = await acquireLockAsync("data", { app: "my-tool", wait: 10_000 });
console.log("alone in data/");
lock.release();
