import { deploy } from "./prisma_deploy.js";
import { run } from "./run.js";

await run((path) => deploy(path));
