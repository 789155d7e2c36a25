const { acquireLockAsync, open, openAsync } = await import(
  Deno.env.get("LITELATCH")
);
const path = Deno.env.get("APP_DB");

/** A test that must leave neither timers nor files behind. */
function clean(name, fn) {
  Deno.test({ name, fn, sanitizeOps: true, sanitizeResources: true });
}

clean("open, write, close", () => {
  const db = open(path);
  db.exec("CREATE TABLE IF NOT EXISTS t (a)");
  db.write(() => db.exec("INSERT INTO t VALUES (1)"));
  db.close();
});

clean("a queue of bodies", async () => {
  const db = await openAsync(path);
  const add = () => db.exec("INSERT INTO t VALUES (1)");
  await Promise.all([1, 2, 3].map(() => db.writeAsync(add)));
  db.close();
});

clean("a queue of bodies that await", async () => {
  const db = open(path);
  const add = async (tx) => {
    await null;
    tx.exec("INSERT INTO t VALUES (1)");
  };
  await Promise.all([1, 2, 3].map(() => db.writeAsync(add)));
  db.close();
});

clean("listeners, and the parent", () => {
  const db = open(path, { exitWithParent: true });
  db.onChange(() => {})();
  db.onChange(() => {});
  db.close();
});

clean("a wait that is over", async () => {
  const db = open(path);
  const wait = AbortSignal.abort();
  await acquireLockAsync(path, { signal: wait }).catch(() => {});
  await openAsync(path, { lock: "exclusive", wait: 20 }).catch(() => {});
  db.close();
});
