import { drizzle } from "drizzle-orm/sqlite-proxy";

/** Drizzle with async queries on a handle, such as the one of a transaction. */
export function drizzleOn(db, config) {
  return drizzle(async (sql, values, method) => {
    if (/^begin\b/i.test(sql)) throw new Error("begin with db.writeAsync()");
    const statement = prepare(db, sql);
    if (method === "run") return { rows: [], ...statement.run(...values) };
    const rows = statement.all(...values).map(inOrder);
    return { rows: method === "get" ? rows[0] : rows };
  }, config);
}

/** JavaScript puts keys that look like integers before all others. */
function inOrder(row) {
  const wrong = Object.keys(row).find((name) => /^\d+$/.test(name));
  if (wrong === undefined) return Object.values(row);
  throw new Error(`Give the column ${wrong} a name: .as("…")`);
}

/** Columns of two tables may have one name; in a subquery SQLite changes it. */
function prepare(db, sql) {
  try {
    return db.prepare(`select * from (${sql})`);
  } catch {
    return db.prepare(sql);
  }
}
