/**
 * A Model Context Protocol server with a full-text index that all sessions
 * share: `node server.js index.db`. One window, one server, one process.
 *
 * `--exclusive` is for a server that must be alone. It starts all the same:
 * a client shows the error of a tool, but not why a server did not start.
 *
 * @module
 */

import process from "node:process";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { LitelatchError, open } from "litelatch";
import { z } from "zod";

const [path = "index.db", flag] = process.argv.slice(2);
let db;

function database() {
  db ??= open(path, {
    app: "mcp-index",
    lock: flag === "--exclusive" ? "exclusive" : "shared",
    journalSizeLimit: 1024 * 1024,
    heartbeat: 1000,
    exitWithParent: true,
  });
  return db;
}

/** A tool whose failures are for people. */
function tool(run) {
  return async (input) => {
    try {
      return { content: [{ type: "text", text: await run(input) }] };
    } catch (error) {
      if (!(error instanceof LitelatchError)) throw error;
      return {
        isError: true,
        content: [{ type: "text", text: error.message }],
      };
    }
  };
}

const server = new McpServer({ name: "index", version: "1.0.0" });

server.registerTool(
  "index",
  {
    description: "Adds a document to the index",
    inputSchema: { name: z.string(), text: z.string() },
  },
  tool(async ({ name, text }) => {
    const db = database();
    // The event loop goes on, so that the client can still talk to us.
    await db.writeAsync(() => {
      db.exec("CREATE VIRTUAL TABLE IF NOT EXISTS doc USING fts5(name, text)");
      db.prepare("INSERT INTO doc VALUES (?, ?)").run(name, text);
    });
    return `indexed ${name}`;
  }),
);

server.registerTool(
  "search",
  {
    description: "Searches the index",
    inputSchema: { words: z.string() },
  },
  tool(({ words }) => {
    const found = database().prepare(
      "SELECT name FROM doc WHERE doc MATCH ? ORDER BY rank LIMIT 10",
    ).all(words);
    return found.map(({ name }) => name).join("\n");
  }),
);

await server.connect(new StdioServerTransport());
