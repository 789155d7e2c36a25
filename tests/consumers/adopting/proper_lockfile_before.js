import { lock } from "proper-lockfile";

const release = await lock("data", { retries: 5, stale: 10_000 });
console.log("alone in data/");
await release();
