import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { mixed } from "../fixtures/children.ts";
import { copyConsumer, installPackages } from "../fixtures/consumers.ts";
import { inFolder, query } from "../fixtures/folder.ts";
import {
  load,
  type McpClient,
  type ToolResult,
  withoutPackages,
} from "../fixtures/packages.ts";
import type { TestRuntime } from "../fixtures/runtimes.ts";

const SERVERS = 5;
// 60 by hand: LITELATCH_SECONDS=60 deno task test mcp_server
const SECONDS = Number(process.env["LITELATCH_SECONDS"] ?? 3);
const LIMIT = 1024 * 1024; // as server.js has it
const options = { skip: withoutPackages };

const connected: McpClient[] = [];

/** As `inFolder`; a server left behind would keep this process alive. */
function inFolderOfServers(
  body: (folder: string) => Promise<void>,
): () => Promise<void> {
  return inFolder(async (folder) => {
    try {
      await body(folder);
    } finally {
      await Promise.all(connected.splice(0).map((client) => client.close()));
    }
  });
}

interface Session {
  client: McpClient;
  pid: number;
}

/** Starts a server as a client does, over stdio. */
async function connect(
  { command }: TestRuntime,
  folder: string,
  ...flags: string[]
): Promise<Session> {
  const { Client } = load("@modelcontextprotocol/sdk/client/index.js");
  const { StdioClientTransport } = load(
    "@modelcontextprotocol/sdk/client/stdio.js",
  );
  const [program = "", ...args] = command;
  const transport = new StdioClientTransport({
    command: program,
    args: [...args, "server.js", "index.db", ...flags],
    cwd: folder,
    stderr: "ignore",
    env: { PATH: process.env["PATH"] ?? "", NO_COLOR: "1" },
  });
  const client = new Client({ name: "test", version: "1.0.0" });
  await client.connect(transport);
  connected.push(client);
  return { client, pid: transport.pid ?? -1 };
}

function add(client: McpClient, name: string): Promise<ToolResult> {
  // Long enough that the WAL passes its limit within seconds.
  const text = `document ${name} `.repeat(200);
  return client.callTool({ name: "index", arguments: { name, text } });
}

async function prepare(folder: string): Promise<string> {
  copyConsumer("mcp_server", folder);
  await installPackages(folder);
  return join(folder, "index.db");
}

test(
  "five servers index into one database without a tool error",
  options,
  inFolderOfServers(async (folder) => {
    const path = await prepare(folder);
    const sessions = await Promise.all(
      mixed(SERVERS).map((runtime) => connect(runtime, folder)),
    );
    const until = Date.now() + SECONDS * 1000;
    let peak = 0;
    const indexed = await Promise.all(sessions.map(async ({ client }, i) => {
      let n = 0;
      // At least ten, however slow the machine.
      for (; n < 10 || Date.now() < until; n++) {
        const { isError, content } = await add(client, `d${i}x${n}`);
        assert.notEqual(isError, true, content[0]?.text);
        const wal = `${path}-wal`;
        if (existsSync(wal)) peak = Math.max(peak, statSync(wal).size);
        if (n % 10 !== 0) continue;
        const words = { words: `"d${i}x${n}"` };
        const found = await client.callTool({
          name: "search",
          arguments: words,
        });
        assert.equal(found.content[0]?.text, `d${i}x${n}`);
      }
      return n;
    }));
    const all = indexed.reduce((sum, n) => sum + n, 0);
    assert.equal(query(path, "SELECT count(*) FROM doc"), `${all}`);
    const size = await settledSize(`${path}-wal`);
    console.log(
      `${all} documents by ${SERVERS} servers in ${SECONDS} s; WAL at most ` +
        `${Math.round(peak / 1024)} KiB, then ${Math.round(size / 1024)} KiB`,
    );
    assert.ok(size <= LIMIT, `the WAL has ${size} bytes`);
    await Promise.all(sessions.map(({ client }) => client.close()));
    assert.equal(query(path, "PRAGMA integrity_check"), "ok");
  }),
);

/** The size of the WAL when the heartbeats had time to shrink it. */
async function settledSize(path: string): Promise<number> {
  for (let i = 0; i < 100; i++) {
    const size = existsSync(path) ? statSync(path).size : 0;
    if (size <= LIMIT) return size;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return statSync(path).size;
}

test(
  "the client can show who keeps an exclusive server out",
  options,
  inFolderOfServers(async (folder) => {
    await prepare(folder);
    const [one, other] = mixed(2) as [TestRuntime, TestRuntime];
    const shared = await connect(one, folder);
    await add(shared.client, "first");
    const alone = await connect(other, folder, "--exclusive");
    const { tools } = await alone.client.listTools();
    assert.deepEqual(tools.map(({ name }) => name), ["index", "search"]);

    const refused = await add(alone.client, "second");
    assert.equal(refused.isError, true);
    const message = refused.content[0]?.text ?? "";
    assert.match(message, /index\.db" is locked shared by PID \d+ \(mcp-index/);
    assert.match(message, new RegExp(`\\bPID ${shared.pid}\\b`));
    assert.match(message, /Stop that process/);

    // As soon as it is gone, the same server does its work.
    await shared.client.close();
    const given = await add(alone.client, "second");
    assert.notEqual(given.isError, true, given.content[0]?.text);
    const late = await connect(one, folder);
    const out = await add(late.client, "third");
    assert.equal(out.isError, true);
    assert.match(
      out.content[0]?.text ?? "",
      new RegExp(`is locked exclusively by PID ${alone.pid}\\b`),
    );
    await alone.client.close();
    await late.client.close();
    const path = join(folder, "index.db");
    assert.equal(query(path, "SELECT count(*) FROM doc"), "2");
  }),
);
