// What the tests of a user do, in whatever realm their runner gives them. The
// names that it uses are put in front of it for each runner.

const { APP_DB, HELD, MARK, ROUND } = process.env;
const { writeFileSync } = process.getBuiltinModule("node:fs");

test("a write waits for its turn", () => {
  const db = open(APP_DB, { busyTimeout: 60_000 });
  writeFileSync(MARK, ""); // now the other process commits, in a moment
  db.write(() => db.prepare("INSERT INTO t VALUES (?)").run(ROUND));
  db.close();
});

test("a lock that another process has is refused", () => {
  expect(() => acquireLock(HELD)).toThrow(LockedError);
  try {
    acquireLock(HELD);
  } catch (error) {
    expect(error instanceof Error).toBe(true);
    expect([error.name, error.code]).toEqual([
      "LockedError",
      "LITELATCH_LOCKED",
    ]);
    expect(error.holders[0].app).toBe("holder");
  }
});

test("values go in and come out", () => {
  const db = open(":memory:");
  db.exec("CREATE TABLE v (a, b, c UNIQUE)");
  const add = db.prepare("INSERT INTO v VALUES (:a, :b, :c)");
  add.run({ a: 5, b: new Uint8Array([1, 2]), c: "x" });
  add.run(7n, Buffer.from("hi"), null);
  const rows = db.prepare("SELECT a, hex(b) AS b FROM v").all();
  expect(rows).toEqual([{ a: 5, b: "0102" }, { a: 7, b: "6869" }]);
  expect(() => add.run({ a: new Date() })).toThrow(TypeError);
  expect(() => add.run({ d: 1 })).toThrow(TypeError);
  expect(() => db.write(async () => {})).toThrow(TypeError);
  expect(() => add.run(1, null, "x")).toThrow(/UNIQUE/);
  const own = new Error("own");
  const throwing = () => {
    throw own;
  };
  expect(() => db.write(throwing)).toThrow(own);
  expect(db.prepare("SELECT count(*) AS n FROM v").get().n).toBe(2);
  db.close();
});

test("a wait ends although the clock stands still", async () => {
  const path = `${APP_DB}-${ROUND}`;
  const holder = open(path);
  const db = open(path, { busyTimeout: 100 });
  holder.exec("BEGIN IMMEDIATE");
  clock.useFakeTimers();
  try {
    await expect(db.writeAsync(() => {})).rejects.toThrow(BusyError);
    expect(() => db.write(() => {})).toThrow(BusyError);
    db.close();
  } finally {
    clock.useRealTimers();
  }
  holder.exec("ROLLBACK");
  holder.close();
});

test("a signal ends a wait", async () => {
  const controller = new AbortController();
  const opening = openAsync(HELD, {
    wait: 60_000,
    signal: controller.signal,
  });
  setTimeout(() => controller.abort(new Error("enough")), 20);
  await expect(opening).rejects.toThrow("enough");
});
