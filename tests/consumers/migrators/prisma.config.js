import process from "node:process";
import { PrismaLibSQL } from "@prisma/adapter-libsql";
import { defineConfig } from "prisma/config";

/** Waits as long as the engine that is a binary does. */
class Adapter extends PrismaLibSQL {
  async connect() {
    const adapter = await super.connect();
    const sql = "PRAGMA busy_timeout = 5000";
    await adapter.queryRaw({ sql, args: [], argTypes: [] });
    return adapter;
  }
}

export default defineConfig({
  schema: "prisma/schema.prisma",
  experimental: { adapter: true },
  engine: "js",
  adapter: async () => new Adapter({ url: `file:${process.env.DATABASE}` }),
});
