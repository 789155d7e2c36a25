import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { test } from "node:test";
import { assertRefused, assertWon, scene } from "../fixtures/lock_processes.ts";
import { inContainer, missing, needs, notRoot } from "../fixtures/machine.ts";
import { runtimes, thisAndNext } from "../fixtures/runtimes.ts";

const canTrace = missing(["strace", "-V"], [
  "strace",
  "-o",
  "/dev/null",
  "true",
]);
const canMount = notRoot() ||
  missing(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]);

test("a folder that cannot be written is blamed for its rights", {
  skip: notRoot(),
}, () =>
  scene(async ({ folder, start }) => {
    chmodSync(folder, 0o755);
    await Promise.all(
      runtimes().map(async (kind) => {
        const child = await start(kind, { nobody: true });
        for (const mode of ["exclusive", "shared"]) {
          const answer = await child.acquire(`${folder}/app`, { mode });
          assert.equal(answer.code, "LITELATCH_OPEN", answer.message);
          assert.match(answer.message!, /app\.lock".*rights of the folder/s);
        }
      }),
    );
    assert.deepEqual(readdirSync(folder), []);
  }));

test("a lock file that cannot be written is no exclusive lock", {
  skip: notRoot(),
}, () =>
  scene(async ({ folder, target, start }) => {
    chmodSync(folder, 0o755);
    writeFileSync(`${target}.lock`, "", { mode: 0o644 });
    const all = await Promise.all(
      runtimes().map((kind) => start(kind, { nobody: true })),
    );
    for (const child of all) {
      const answer = await child.acquire(target);
      assert.equal(answer.code, "LITELATCH_OPEN", answer.message);
      assert.match(
        answer.message!,
        /app\.lock" must be writable for this user/,
      );
    }
    // Reading is enough to share, and to keep an exclusive one out.
    for (const child of all) {
      assertWon(await child.acquire(target, { mode: "shared" }));
    }
    const owner = await start(runtimes()[0]!);
    assertRefused(await owner.acquire(target), all.map((child) => child.pid));
    for (const child of all) await child.ask({ do: "release" });
    assertWon(await owner.acquire(target));
    for (const child of all) {
      assertRefused(await child.acquire(target), [owner.pid]);
    }
  }));

test(
  "a full disk costs the record, not the lock",
  { skip: canMount },
  () =>
    scene(async ({ folder, start }) => {
      const disk = `${folder}/disk`;
      mkdirSync(disk);
      const fill = `mount -t tmpfs -o size=64k none ${disk} && ` +
        `cat /dev/zero > ${disk}/filler 2> /dev/null; exec "$@"`;
      const full = ["unshare", "-m", "sh", "-c", fill, "sh"];
      const [kind, next] = thisAndNext();
      const holder = await start(kind, { prefix: full });
      const inside = ["nsenter", "-t", String(holder.pid), "-m"];
      const other = await start(next, { prefix: inside });
      const path = `${disk}/app`;
      for (const mode of ["exclusive", "shared"]) {
        assertWon(await holder.acquire(path, { mode }));
        const seen = readdirSync(`/proc/${holder.pid}/root${disk}`).sort();
        assert.deepEqual(seen, ["app.lock", "filler"]);
        // By the kernel's list, as there is no record.
        assertRefused(await other.acquire(path), [holder.pid]);
        await holder.ask({ do: "release" });
        assertWon(await other.acquire(path));
        await other.ask({ do: "release" });
      }
    }),
);

test("a filesystem without locks is blamed, not a process", {
  skip: canTrace || needs("/proc") || inContainer(),
}, () =>
  scene(async ({ folder, target, start }) => {
    // Only calls on the lock file: runtimes use fcntl for other things too.
    const trace = ["strace", "-f", "-o", "/dev/null", "-P", `${target}.lock`];
    const prefix = [...trace, "-e", "inject=fcntl:error=ENOLCK"];
    const child = await start(thisAndNext()[0], { prefix });
    for (const mode of ["exclusive", "shared"]) {
      const answer = await child.acquire(target, { mode });
      assert.equal(answer.code, "LITELATCH_UNSUPPORTED", answer.message);
      assert.match(answer.message!, /filesystem.* refuses the lock \(ENOLCK/s);
    }
    assert.deepEqual(readdirSync(folder), ["app.lock"]);
  }));

test("waiting for the lock takes no notice of the time of day", {
  skip: canTrace,
}, () =>
  scene(async ({ folder, target, start }) => {
    const [kind, next] = thisAndNext();
    const holder = await start(next);
    assertWon(await holder.acquire(target));
    const output = `${folder}/trace`;
    const prefix = ["strace", "-f", "-o", output, "-e", "trace=futex"];
    const child = await start(kind, { prefix });
    assertRefused(await child.acquire(target, { wait: 300 }), [holder.pid]);
    const sleeps = readFileSync(output, "utf8").split("\n")
      .filter((line) => line.startsWith(`${child.pid} `))
      .filter((line) => /CLOCK_REALTIME.*tv_sec=/.test(line));
    // 300 ms at 1 to 2 ms a time are 150 sleeps; one or two of the engine's own
    // were seen.
    assert.ok(sleeps.length < 20, sleeps.join("\n"));
  }));

test("a file that cannot be looked at is an error of ours, and lets go", {
  skip: canTrace,
}, () =>
  scene(async ({ target, start }) => {
    const [kind, next] = thisAndNext();
    const other = await start(next);
    const trace = ["strace", "-f", "-o", "/dev/null", "-P", `${target}.lock`];
    // Both after the lock is won, and one after the record is written too.
    for (const look of [3, 4]) {
      const inject = `inject=statx:error=EIO:when=${look}`;
      const child = await start(kind, { prefix: [...trace, "-e", inject] });
      const answer = await child.acquire(target);
      assert.equal(answer.code, "LITELATCH_OPEN", answer.message);
      assert.match(
        answer.message!,
        /Cannot stat ".*app\.lock": .*(EIO|os error 5\b)/,
      );
      assertWon(await other.acquire(target));
      await other.ask({ do: "release" });
      assertWon(await child.acquire(target));
      await child.ask({ do: "release" });
    }
  }));

test("a holder in another PID namespace is respected, and said to be in one", {
  skip: notRoot() || missing(["unshare", "-pf", "--mount-proc", "true"]),
}, () =>
  scene(async ({ target, start }) => {
    const prefix = ["unshare", "-pf", "--kill-child", "--mount-proc"];
    const [kind, next] = thisAndNext();
    const outside = await start(next);
    for (const mode of ["exclusive", "shared"]) {
      const holder = await start(kind, { prefix });
      assert.equal(holder.pid, 1);
      assertWon(await holder.acquire(target, { mode, app: "inside" }));
      const answer = await outside.acquire(target);
      assertRefused(answer, [1]);
      assert.match(answer.message!, /PID 1 in another PID namespace \(inside,/);
      assert.equal(answer.holders?.[0]?.pidNamespace, "other");
      assert.equal(answer.holders?.[0]?.alive, null);
      await holder.kill();
      assertWon(await outside.acquire(target, { wait: 60_000 }));
      await outside.ask({ do: "release" });
    }
    // And the other way round.
    assertWon(await outside.acquire(target));
    const inside = await start(kind, { prefix });
    const refused = await inside.acquire(target);
    assertRefused(refused, [outside.pid]);
    assert.match(refused.message!, /in another PID namespace/);
    await outside.ask({ do: "release" });
    assertWon(await inside.acquire(target));
  }));

// A PID that nobody has outside.
const LAST_PID = "/proc/sys/kernel/ns_last_pid";
const LAST = "echo $(($(cat /proc/sys/kernel/pid_max) - 50)) " +
  `> ${LAST_PID} && "$@"; exit $?`;

test("a holder whose /proc has other PIDs than its namespace is not dead", {
  skip: notRoot() ||
    missing(["unshare", "-pf", "dd", `if=${LAST_PID}`, `of=${LAST_PID}`]),
}, () =>
  scene(async ({ target, start }) => {
    const prefix = ["unshare", "-pf", "--kill-child", "sh", "-c", LAST, "sh"];
    const [kind, next] = thisAndNext();
    const holder = await start(kind, { prefix });
    const held = await holder.acquire(target);
    assertWon(held);
    assert.equal(held.holder?.alive, true);
    const refused = await (await start(next)).acquire(target);
    assertRefused(refused, [holder.pid]);
    assert.match(refused.message!, /in another PID namespace/);
  }));

// Another user's process that the asking one's /proc does not show: proc(5).
const HIDE = "mount -t proc -o hidepid=2 proc /proc && exec setpriv " +
  '--reuid=65534 --regid=65534 --clear-groups "$@"';

test("a holder that /proc hides keeps its record", {
  skip: notRoot() || missing(
    [
      "unshare",
      "-m",
      "mount",
      "-t",
      "proc",
      "-o",
      "hidepid=2",
      "proc",
      "/proc",
    ],
    ["setpriv", "--reuid=65534", "true"],
  ),
}, () =>
  scene(async ({ folder, target, start }) => {
    chmodSync(folder, 0o777);
    writeFileSync(`${target}.lock`, "");
    chmodSync(`${target}.lock`, 0o666);
    const prefix = ["unshare", "-m", "sh", "-c", HIDE, "sh"];
    const [kind, next] = thisAndNext();
    const holder = await start(next);
    const other = await start(kind, { prefix, nobody: "by prefix" });
    const shared = { mode: "shared", app: "hidden" };
    assertWon(await holder.acquire(target, shared));
    assertWon(await other.acquire(target, { mode: "shared" }));
    await other.ask({ do: "release" });
    const refused = await other.acquire(target);
    assertRefused(refused, [holder.pid]);
    assert.match(refused.message!, /hidden/);
    assert.equal(refused.holders?.[0]?.alive, null);
  }));

// A clock of its own needs one more capability than the namespace.
const inOtherTime = ["unshare", "-T", "--boottime", "864000"];

test("a holder in another time namespace lives, and keeps its record", {
  skip: notRoot() || missing([...inOtherTime, "true"]),
}, () =>
  scene(async ({ target, start }) => {
    const prefix = inOtherTime;
    const [kind, next] = thisAndNext();
    const [plain, shifted] = [await start(next), await start(kind, { prefix })];
    const shared = { mode: "shared" };
    assertWon(await plain.acquire(target, { ...shared, app: "plain" }));
    assertWon(await shifted.acquire(target, { ...shared, app: "shifted" }));
    await shifted.ask({ do: "release" });
    assertWon(await shifted.acquire(target, { ...shared, app: "shifted" }));
    for (const child of [await start(kind), await start(next, { prefix })]) {
      const answer = await child.acquire(target);
      assertRefused(answer, [plain.pid, shifted.pid]);
      const apps = answer.holders?.map(({ app }) => app).sort();
      assert.deepEqual(apps, ["plain", "shifted"]);
    }
  }));
