/**
 * What every process writes, whichever way it opens the database: one schema,
 * one order of statements, one number of transactions.
 *
 * @module
 */

/** The nine sessions, three for each runtime. */
export const PROCESSES = 9;

/** How long a transaction is tried before it counts as failed, in all ways. */
export const PATIENCE_MS = 5000;

/** Run once, before the storm, so that all ways meet the same file. */
export const SCHEMA = `
  CREATE TABLE session (
    id INTEGER PRIMARY KEY, state TEXT NOT NULL, stops INTEGER NOT NULL);
  CREATE TABLE heartbeat (
    session INTEGER PRIMARY KEY REFERENCES session, beats INTEGER NOT NULL);
  CREATE TABLE read_offset (
    session INTEGER PRIMARY KEY REFERENCES session, position INTEGER NOT NULL);
  CREATE TABLE system_event (
    id INTEGER PRIMARY KEY, mark TEXT UNIQUE,
    session INTEGER NOT NULL REFERENCES session, kind TEXT NOT NULL,
    body TEXT NOT NULL);
  CREATE INDEX system_event_session ON system_event (session, id);
`;

/** The part of a database that the load needs; every driver has it. */
export interface Store {
  prepare(sql: string): Statement;
}

interface Statement {
  run(...parameters: (string | number | null)[]): unknown;
  get(...parameters: (string | number | null)[]): unknown;
  all(...parameters: (string | number | null)[]): unknown[];
}

/**
 * What happens between BEGIN and COMMIT. It leaves `mark` in the file, by
 * which the commit is found afterwards.
 */
export type Step = (mark: string) => void;

// The last messages of a session, which its stop hook leaves for the others.
const MESSAGES = 40;
const BODY = JSON.stringify({ role: "assistant", text: "x".repeat(1000) });

/** The rows that are there before the storm. */
export function seed(store: Store): void {
  for (let id = 0; id < PROCESSES; id++) {
    store.prepare("INSERT INTO session VALUES (?, 'live', 0)").run(id);
    store.prepare("INSERT INTO heartbeat VALUES (?, 0)").run(id);
    store.prepare("INSERT INTO read_offset VALUES (?, 0)").run(id);
  }
}

/**
 * The transactions by which one session ends. Most of them read before they
 * write, as hooks do: what came since I last looked, then the next position.
 */
export function stepsOf(store: Store, session: number): Step[] {
  const beat = store.prepare(
    "UPDATE heartbeat SET beats = beats + 1 WHERE session = ?",
  );
  const position = store.prepare(
    "SELECT position FROM read_offset WHERE session = ?",
  );
  const unread = store.prepare(
    "SELECT id, session, kind, body FROM system_event WHERE id > ? " +
      "ORDER BY id LIMIT 500",
  );
  const advance = store.prepare(
    "UPDATE read_offset SET position = ? WHERE session = ?",
  );
  const state = store.prepare("SELECT state, stops FROM session WHERE id = ?");
  const stop = store.prepare(
    "UPDATE session SET state = 'stopped', stops = stops + 1 WHERE id = ?",
  );
  const event = store.prepare(
    "INSERT INTO system_event (mark, session, kind, body) VALUES (?, ?, ?, ?)",
  );

  const heartbeat = (mark: string) => {
    beat.run(session);
    event.run(mark, session, "heartbeat", "");
  };
  const offset = (mark: string) => {
    const { position: last } = position.get(session) as { position: number };
    const news = unread.all(last) as { id: number }[];
    advance.run(news.at(-1)?.id ?? last, session);
    event.run(mark, session, "offset", "");
  };
  const stopped = (mark: string) => {
    state.get(session);
    stop.run(session);
    event.run(mark, session, "stopped", "");
  };
  const said = (mark: string) => {
    for (let i = 1; i < MESSAGES; i++) event.run(null, session, "said", BODY);
    event.run(mark, session, "said", BODY);
  };
  return [
    ...[heartbeat, offset, said, offset, said],
    ...[stopped, offset, said, offset, heartbeat],
  ];
}
