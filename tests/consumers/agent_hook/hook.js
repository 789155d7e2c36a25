/**
 * A stop hook: tells the channel that this session has ended its turn.
 *
 *     echo '{"session_id":"s1","hook_event_name":"Stop"}' | node hook.js channel.db
 *
 * Parallel sessions end at the same moment, and each of their hooks is a
 * process of its own. `litelatch.mjs` beside it is the vendored file:
 * `litelatch vendor .`
 *
 * @module
 */

import process from "node:process";
import { open } from "./litelatch.mjs";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS session (
    id TEXT PRIMARY KEY, started TEXT NOT NULL, ended TEXT
  );
  CREATE TABLE IF NOT EXISTS heartbeat (
    session TEXT PRIMARY KEY REFERENCES session, at TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS read_offset (
    session TEXT PRIMARY KEY REFERENCES session, position INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS system_event (
    id INTEGER PRIMARY KEY, session TEXT NOT NULL REFERENCES session,
    at TEXT NOT NULL, kind TEXT NOT NULL
  );`;

const [path = "channel.db"] = process.argv.slice(2);
// Not readFileSync(0): where the agent is a Node program, stdin is a socket
// that does not block, and an agent that is slow to write gives EAGAIN.
let input = "";
for await (const chunk of process.stdin.setEncoding("utf8")) input += chunk;
const { session_id: session, hook_event_name: kind } = JSON.parse(input);
const at = new Date().toISOString();
const db = open(path, { app: "agent-channel", purpose: `${kind} hook` });

// One look tells whether it is the first time; only then it is written.
const { n } = db.prepare("SELECT count(*) AS n FROM sqlite_schema").get();
if (n === 0) db.write(() => db.exec(SCHEMA));

const news = db.write(() => {
  db.prepare(
    "INSERT INTO session (id, started) VALUES (:session, :at)" +
      " ON CONFLICT (id) DO UPDATE SET ended = :at",
  ).run({ session, at });
  db.prepare("INSERT OR REPLACE INTO heartbeat VALUES (?, ?)").run(session, at);
  db.prepare("INSERT INTO system_event (session, at, kind) VALUES (?, ?, ?)")
    .run(session, at, kind);
  // What the others did since this session looked last.
  const seen = db.prepare("SELECT position FROM read_offset WHERE session = ?")
    .get(session)?.position ?? 0;
  const { last } = db.prepare("SELECT max(id) AS last FROM system_event").get();
  db.prepare("INSERT OR REPLACE INTO read_offset VALUES (?, ?)")
    .run(session, last);
  return last - seen;
});
db.close();
console.log(
  JSON.stringify({ continue: true, systemMessage: `${news} events` }),
);
