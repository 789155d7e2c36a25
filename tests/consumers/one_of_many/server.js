import process from "node:process";
import { acquireLockAsync } from "litelatch";

// Every server of the program runs this, and goes on with its own work.
const doNightlyWork = () => console.log(`${process.pid} works`);

acquireLockAsync("nightly", { app: "my-server", wait: Infinity }).then(() => {
  // Nobody else comes here until this process has ended, however it ends.
  doNightlyWork();
  setInterval(doNightlyWork, 24 * 60 * 60 * 1000);
});
console.log(`${process.pid} serves`);
