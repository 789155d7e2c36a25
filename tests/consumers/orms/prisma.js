import { PrismaClient } from "./generated/client.ts";
import { count, pause } from "./load.js";
import { LitelatchPrisma } from "./prisma_adapter.js";

const adapters = {
  async plain() {
    const { PrismaLibSql } = await import("@prisma/adapter-libsql");
    return new PrismaLibSql({ url: "file:app.db" });
  },
  documented: () => new LitelatchPrisma("app.db", { app: "prisma" }),
};

await count(async (way) => {
  const orm = new PrismaClient({
    adapter: await adapters[way](),
    transactionOptions: { maxWait: 10_000 },
  });
  return {
    async readThenWrite() {
      await orm.$transaction(async (tx) => {
        const { n } = await tx.counter.findUniqueOrThrow({ where: { id: 1 } });
        await pause();
        await tx.counter.update({ where: { id: 1 }, data: { n: n + 1 } });
      });
    },
    read: () => orm.counter.findMany(),
    close: () => orm.$disconnect(),
  };
});
