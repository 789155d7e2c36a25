// What the programs of this folder have in common: they read a number and write
// the next one for a while, and say how often that went well.
import process from "node:process";

export const pause = (ms = Math.random() * 2) =>
  new Promise((resolve) => setTimeout(resolve, ms));

export async function count(make) {
  const [way, ms] = process.argv.slice(2);
  const { readThenWrite, read, close } = make(way);
  console.log("ready");
  await new Promise((resolve) => process.stdin.once("data", resolve));
  process.stdin.pause();
  const end = Date.now() + Number(ms);
  const said = { done: 0, failed: 0, errors: {} };
  while (Date.now() < end) {
    try {
      await readThenWrite();
      said.done++;
      await read();
    } catch (error) {
      said.failed++;
      said.errors[String(error.code ?? error.message)] = error.message;
      await pause(1);
    }
    await pause();
  }
  await close();
  console.log(JSON.stringify(said));
}
