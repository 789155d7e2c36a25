import assert from "node:assert/strict";
import { test } from "node:test";
import { FileJudge } from "../../scripts/torture/files/judge.ts";

type Commits = Record<string, number[]>;

/** What sqlite3 would have found. */
function found(commits: Commits, integrity = "ok", halves: string[] = []) {
  const map = new Map(
    Object.entries(commits).map(([id, list]) => [id, new Set(list)]),
  );
  return { commits: map, integrity, halves };
}

/**
 * Judges a log, its lines split by slashes; the process of a handle has its
 * name without the number.
 *
 * @returns The exceptions, each by its first words.
 */
function judged(
  log: string,
  there: Commits | null,
  moved?: Commits,
  integrity?: string,
) {
  const judge = new FileJudge();
  for (const line of log.split(" / ")) {
    const [first = ""] = line.split(" ");
    judge.read(
      first === "files" ? line : `${first.replace(/\.\d+$/, "")} ${line}`,
    );
  }
  const verdict = judge.judge({
    atPath: there === null ? null : found(there, integrity),
    moved: moved === undefined ? [] : [found(moved)],
  });
  return {
    ...verdict,
    kinds: verdict.exceptions.map((one) => one.split(":")[0]),
  };
}

const OPEN = "a.1 opening / a.1 opened / ";
const ONE = "a.1 try 1 / a.1 ack 1 / ";
const DELETED = "files #1 begin delete wal / files #1 done / ";
const LOST = "LITELATCH_LOCK_LOST LockLostError:";
const REFUSED = `a.1 try 2 / a.1 failed 2 ${LOST} may be lost / `;
const CLOSED = "a.1 closing / a.1 closed";

test("commits that are there are no exception, whatever happened", () => {
  const { kinds, commits } = judged(OPEN + ONE + DELETED + CLOSED, {
    "a.1": [1],
  });
  assert.deepEqual(kinds, []);
  assert.equal(commits, 1);
});

test("a commit that is missing needs an incident and a word", () => {
  const none = {};
  assert.deepEqual(judged(OPEN + ONE + CLOSED, none).kinds, ["innocent"]);
  assert.deepEqual(
    judged(OPEN + ONE + DELETED + CLOSED, none).kinds,
    ["closed without a word"],
  );
  const told = judged(OPEN + ONE + DELETED + REFUSED + CLOSED, none);
  assert.deepEqual(told.kinds, []);
  assert.equal(told.outcomes.get("commits lost and told"), 1);
  const went = `${OPEN}${DELETED}a.1 try 1 / a.1 ack 1 / ${CLOSED}`;
  assert.deepEqual(judged(went, none).kinds, ["silence"]);
  assert.equal(judged(went, none).silent, 1);
});

test("another error than ours is no word, and a word before is none either", () => {
  const other = "a.1 try 2 / a.1 failed 2 SQLITE_10 Error: disk / ";
  assert.match(
    judged(OPEN + ONE + DELETED + other + CLOSED, {}).kinds[0] ?? "",
    /^only told SQLITE_10/,
  );
  const early = `${OPEN}${DELETED}${REFUSED}${ONE}${CLOSED}`;
  assert.deepEqual(judged(early, {}).kinds, ["silence"]);
});

test("whoever was told that nothing is lost must have lost nothing", () => {
  const comfort =
    `a.1 failed 2 ${LOST} Nothing that was acknowledged is lost. / `;
  const log = `${OPEN}${ONE}${DELETED}a.1 try 2 / ${comfort}${CLOSED}`;
  assert.deepEqual(judged(log, {}).kinds, ["false comfort"]);
  assert.deepEqual(judged(log, { "a.1": [1] }).kinds, []);
});

test("a word that was true when it was said stays true", () => {
  const comfort = (n: number) =>
    `a.1 try ${n} / ` +
    `a.1 failed ${n} ${LOST} Nothing that was acknowledged is lost. / `;
  const begin = "files #2 begin delete wal database / files #2 took wal / ";
  const took = "files #2 took database / files #2 done / ";
  const word = (log: string) => judged(OPEN + ONE + DELETED + log + CLOSED, {});
  const later = word(begin + comfort(2) + took);
  assert.deepEqual(later.kinds, []);
  assert.equal(
    later.outcomes.get("commits gone with a file, after a true word"),
    1,
  );
  // It begins before the database is taken, and ends after it.
  const [asks, answers] = comfort(2).split(" / ");
  const meets = `${begin}${asks} / ${took}${answers} / `;
  assert.deepEqual(word(meets).kinds, []);
  assert.deepEqual(word(begin + took + comfort(2)).kinds, ["false comfort"]);
  // Nor may it be said again when it is true no more.
  const again = begin + comfort(2) + took + comfort(3);
  assert.deepEqual(word(again).kinds, ["false comfort"]);
  const better = `a.1 try 2 / ${REFUSED.split(" / ")[1]} / ${comfort(3)}`;
  assert.deepEqual(word(better).kinds, ["false comfort"]);
  // A file that was moved or linked is no excuse, nor is a -wal.
  for (const how of ["away database", "link database", "delete wal"]) {
    const other = `files #2 begin ${how} / files #2 took ${how.split(" ")[1]}`;
    const log = `${comfort(2)}${other} / files #2 done / `;
    assert.deepEqual(word(log).kinds, ["false comfort"]);
  }
});

test("to go on for long and be told at last is too late", () => {
  const many = (last: number) =>
    Array.from(
      { length: last },
      (_, i) => `a.1 try ${i + 1} / a.1 ack ${i + 1}`,
    )
      .join(" / ");
  const told = `a.1 failed 99 ${LOST} may be lost / ${CLOSED}`;
  const log = (last: number) => `${OPEN}${DELETED}${many(last)} / ${told}`;
  assert.deepEqual(judged(log(3), {}).kinds, []);
  assert.deepEqual(judged(log(9), {}).kinds, ["late"]);
  const before = `${OPEN}${many(9)} / ${DELETED}${told}`;
  assert.deepEqual(judged(before, {}).kinds, []);
});

test("what went into a file that came back is not late when that is taken", () => {
  const many = Array.from(
    { length: 9 },
    (_, i) => `a.1 try ${i} / a.1 ack ${i}`,
  )
    .join(" / ");
  const back = (name: string) =>
    `files ${name} begin there-and-back wal / files ${name} done / `;
  const taken = "files #2 begin away wal / files #2 done / ";
  const told = `a.1 failed 99 ${LOST} may be lost / ${CLOSED}`;
  const kinds = (log: string) => judged(OPEN + log + told, {}).kinds;
  assert.deepEqual(kinds(`${back("#1")}${many} / ${taken}`), []);
  assert.deepEqual(kinds(`${back("#1")}${many} / `), ["late"]);
  assert.deepEqual(kinds(`${back("#1")}${many} / ${back("#2")}`), ["late"]);
  assert.deepEqual(kinds(`${taken}${many} / ${back("#1")}`), ["late"]);
});

test("who closed before a file was taken away has no claim, who came after has", () => {
  const before = `${OPEN}${ONE}${CLOSED} / ${DELETED}`.slice(0, -3);
  assert.deepEqual(judged(before, {}).kinds, []);
  const lock = before.replace("delete wal", "delete lock");
  assert.deepEqual(judged(lock, {}).kinds, ["innocent"]);
  const after = DELETED + OPEN + ONE + CLOSED;
  assert.deepEqual(judged(after, {}).kinds, ["innocent"]);
  const amid = (parts: string[]) =>
    judged(
      `${OPEN}${ONE}files #1 begin delete lock wal / ${parts.join(" / ")}`,
      {},
    ).kinds;
  const [took, done] = ["files #1 took", "files #1 done"];
  const early = amid([`${took} lock`, CLOSED, `${took} wal`, done]);
  assert.deepEqual(early, []);
  const late = amid([`${took} lock`, `${took} wal`, CLOSED, done]);
  assert.deepEqual(late, ["closed without a word"]);
});

test("what a process reads by fs concerns no other process", () => {
  const reading = "b.1 opening / b.1 opened / b.1 reads database / b.1 read / ";
  const log = OPEN + ONE + reading + REFUSED + CLOSED;
  assert.deepEqual(judged(log, {}).kinds, ["innocent"]);
  const after = DELETED + OPEN + ONE + REFUSED + CLOSED;
  assert.deepEqual(judged(after, {}).kinds, []);
  const own = reading.replaceAll("b.1", "a.1");
  assert.deepEqual(judged(own + ONE + REFUSED + CLOSED, {}).kinds, []);
});

test("a handle that was closed within 20 ms does not look for its locks", () => {
  const reading = "a.1 reads database / a.1 read / ";
  const life = (ms: string, incident = reading) =>
    judged(`${OPEN}${incident}${ONE}a.1 closing${ms} / a.1 closed`, {});
  assert.deepEqual(life(" 19").kinds, []);
  assert.equal(
    life(" 19").outcomes.get("commits of a young handle lost, by fs"),
    1,
  );
  for (const ms of [" 20", ""]) assert.deepEqual(life(ms).kinds, ["silence"]);
  for (const incident of [DELETED, reading + DELETED]) {
    assert.deepEqual(life(" 19", incident).kinds, ["silence"], incident);
  }
});

test("the moved file counts for those who had it open, not for newcomers", () => {
  const moved = "files #1 begin away database / files #1 done / ";
  const rows = { "a.1": [1] };
  assert.deepEqual(judged(OPEN + ONE + moved + CLOSED, null, rows).kinds, []);
  assert.deepEqual(
    judged(moved + OPEN + ONE + CLOSED, {}, rows).kinds,
    ["innocent"],
  );
});

test("a damaged file, a raw error of open and half a commit are exceptions", () => {
  const { exceptions } = judged(OPEN + CLOSED, {}, undefined, "row 3 missing");
  assert.deepEqual(exceptions, ["integrity_check says: row 3 missing"]);
  const raw = judged("a.1 opening / a.1 error SQLITE_14 Error: no", {});
  assert.match(raw.exceptions.join(), /raw error out to a.1: SQLITE_14/);
  const ours = judged("a.1 opening / a.1 error LITELATCH_OPEN Error: no", {});
  assert.deepEqual(ours.exceptions, []);
  const judge = new FileJudge();
  const { exceptions: half } = judge.judge({
    atPath: found({}, "ok", ["a.1 2"]),
    moved: [],
  });
  assert.deepEqual(half, ["half of commit a.1 2 is there"]);
});

test("whoever lost its lock file for good must not write on", () => {
  const gone = "files #1 begin replace lock / files #1 done / files - end / ";
  assert.deepEqual(judged(OPEN + gone + ONE + CLOSED, { "a.1": [1] }).kinds, [
    "no word",
  ]);
  const back = gone.replace("replace", "there-and-back");
  assert.deepEqual(
    judged(OPEN + back + ONE + CLOSED, { "a.1": [1] }).kinds,
    [],
  );
});

test("of what sqlite3 itself suffers only that of newcomers counts", () => {
  const raw = (log: string) => log.replaceAll("a.1", "sqlite3-1");
  assert.deepEqual(judged(raw(OPEN + ONE + DELETED + CLOSED), {}).kinds, []);
  assert.deepEqual(
    judged(raw(DELETED + OPEN + ONE + CLOSED), {}).kinds,
    ["innocent"],
  );
});

test("what SQLite itself cannot bear is told apart", () => {
  const none = {};
  const read = OPEN + "a.1 reads -shm / a.1 read / " + CLOSED;
  assert.match(judged(read, none).unbearable ?? "", /fs read the -shm/);
  const away = (files: string, amid = "") =>
    `files #1 begin there-and-back ${files} / ${amid}files #1 done / `;
  const other = "b.1 opening / b.1 opened / ";
  const late = judged(OPEN + away("database wal", other) + CLOSED, none);
  assert.match(late.unbearable ?? "", /-wal came back/);
  for (
    const log of [
      OPEN + away("database", other) + CLOSED,
      OPEN + away("database wal") + other + CLOSED,
      OPEN + other + away("wal") + CLOSED,
      OPEN + away("wal", other).replace("there-and-back", "delete") + CLOSED,
    ]
  ) assert.equal(judged(log, none).unbearable, null, log);
  const taken = "files #1 begin away wal shm / files #1 took wal / ";
  const raw = "sqlite3-1 opening / sqlite3-1 opened / ";
  const amid = `${OPEN}a.1 try 1 / ${taken}${raw}a.1 ack 1 / `;
  assert.match(judged(amid + CLOSED, none).unbearable ?? "", /amid a write/);
  const rawBefore = `${OPEN}${raw}a.1 try 1 / ${taken}a.1 ack 1 / `;
  assert.match(
    judged(rawBefore + CLOSED, none).unbearable ?? "",
    /amid a write/,
  );
  const shm = (log: string) => log.replace("away wal shm", "away shm");
  assert.match(
    judged(shm(amid) + CLOSED, none).unbearable ?? "",
    /amid a write/,
  );
  for (
    const log of [
      shm(rawBefore),
      amid.replace("away wal shm", "away lock"),
      `${OPEN}${taken}${raw}${ONE}`,
      `${OPEN}a.1 try 1 / ${taken}a.1 ack 1 / ${raw}`,
      `${OPEN}${raw}sqlite3-1 closing / a.1 try 1 / ${taken}a.1 ack 1 / `,
      `${OPEN}a.1 try 1 / ${taken}b.1 opening / b.1 opened / a.1 ack 1 / `,
      amid.replace("away wal shm", "link wal shm"),
      amid.replace("away wal shm", "away database wal shm"),
    ]
  ) assert.equal(judged(log + CLOSED, none).unbearable, null, log);
});

test("a log that cannot be read is an exception", () => {
  for (const line of ["a.1 opened", "a.1 opening / a.1 jumps"]) {
    assert.equal(judged(line, {}).exceptions.length, 1, line);
  }
});
