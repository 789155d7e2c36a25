/**
 * A Bun plugin that makes modules of `.csv` files, and keeps what it made in
 * one database for all builds that run at the same time.
 *
 * @module
 */

import type { BunPlugin } from "bun";
import { open } from "litelatch";

/** The plugin; `path` is where its cache is. */
export function csv(path: string): BunPlugin {
  return {
    name: "csv",
    setup(build) {
      const db = open(path, { app: "csv-plugin" });
      db.exec(
        "CREATE TABLE IF NOT EXISTS module" +
          " (hash TEXT PRIMARY KEY, code TEXT NOT NULL) WITHOUT ROWID",
      );
      const find = db.prepare("SELECT code FROM module WHERE hash = ?");
      const keep = db.prepare("INSERT OR IGNORE INTO module VALUES (?, ?)");

      build.onLoad({ filter: /\.csv$/ }, async ({ path }) => {
        const text = await Bun.file(path).text();
        const hash = Bun.hash(text).toString(36);
        const known = find.get(hash)?.["code"];
        if (known !== undefined) return { contents: `${known}`, loader: "js" };
        const code = compile(text);
        // A build server has other files to load while it waits its turn.
        await db.writeAsync(() => keep.run(hash, code));
        return { contents: code, loader: "js" };
      });
    },
  };
}

/** The first line names the columns. */
function compile(text: string): string {
  const [head = [], ...lines] = text.trim().split("\n")
    .map((line) => line.split(","));
  const rows = lines.map((line) =>
    Object.fromEntries(head.map((name, i) => [name, line[i]]))
  );
  return `export default ${JSON.stringify(rows)};\n`;
}
