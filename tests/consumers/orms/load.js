// What the programs of this folder have in common: they read a number and write
// the next one for a while, and say how often that went well.
import process from "node:process";

const TRIES = 5;

export const pause = (ms = Math.random() * 2) =>
  new Promise((resolve) => setTimeout(resolve, ms));

export async function count(make) {
  const [way, ms] = process.argv.slice(2);
  const { readThenWrite, read, close } = await make(way);
  console.log("ready");
  await new Promise((resolve) => process.stdin.once("data", resolve));
  process.stdin.pause();
  const end = Date.now() + Number(ms);
  const said = { done: 0, failed: 0, errors: {} };
  // On a machine that is slow some tries are needed, too.
  while (Date.now() < end || said.done + said.failed < TRIES) {
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
