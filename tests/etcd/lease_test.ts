import assert from "node:assert/strict";
import { hostname } from "node:os";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { endChildren } from "../fixtures/children.ts";
import { LIVES } from "../fixtures/machine.ts";
import { runtimes } from "../fixtures/runtimes.ts";
import { assertFailed, assertHeld, LeaseProcess } from "./fixtures/children.ts";
import { Etcd, needsEtcd } from "./fixtures/etcd.ts";

let etcd: Etcd;
let all: LeaseProcess[] = [];
let names = 0;

if (needsEtcd.skip === false) {
  before(async () => {
    etcd = await Etcd.start();
    all = await Promise.all(runtimes().map(LeaseProcess.start));
  });
  after(async () => {
    await endChildren();
    await etcd.end();
  });
}

const newName = () => `name/${++names} é`;
const options = (more: object = {}) => ({
  endpoints: etcd.endpoints,
  ttl: 3000,
  ...more,
});
const waiting = (more: object = {}) => options({ wait: 60_000, ...more });

/** Every process, and the next one. */
const pairs = () =>
  all.map((one, i) => [one, all[(i + 1) % all.length]!] as const);

/** Waits until etcd has so many keys of leases. */
async function queued(count: number): Promise<string[]> {
  for (let tries = 0; tries < 600; tries++) {
    const keys = await etcd.keys();
    if (keys.length === count) return keys;
    await pause(20);
  }
  throw new Error(`Cannot see ${count} keys: etcd has ${await etcd.keys()}`);
}

test(
  "an exclusive lease excludes, and a refusal says who and where",
  needsEtcd,
  async () => {
    for (const [holder, asker] of pairs()) {
      const name = newName();
      const facts = { app: "keeper", purpose: "migrate" };
      assertHeld(await holder.acquire(name, options(facts)));
      for (const mode of ["shared", "exclusive"]) {
        const answer = await asker.acquire(name, options({ mode }));
        assertFailed(answer, "LITELATCH_LOCKED", /is held exclusively by PID/);
        const [named, ...others] = answer.holders ?? [];
        assert.equal(others.length, 0);
        assert.equal(named?.pid, holder.pid);
        assert.equal(named?.host, hostname());
        assert.equal(named?.app, "keeper");
        assert.equal(named?.purpose, "migrate");
        assert.equal(named?.mode, "exclusive");
        assert.equal(named?.alive, LIVES);
        assert.match(named?.command ?? "", /lease_child\.ts/);
        const lines = answer.message?.split("\n") ?? [];
        assert.equal(lines.length, 3, answer.message);
        assert.match(lines[0]!, /\(keeper, .*, since .*Z, "migrate"\)\.$/);
        assert.ok(lines[0]!.includes(`PID ${holder.pid} on ${hostname()} (`));
        assert.ok(lines[1]!.startsWith(`This is PID ${asker.pid} on `));
        assert.match(lines[1]!, /waited \d+ ms\.$/);
        assert.match(lines[2]!, /\{ wait: ms \}, or use another name\.$/);
      }
      const released = await holder.ask({ do: "release" });
      assert.equal(released.held, false);
      assertHeld(await asker.acquire(name, options()));
      await asker.ask({ do: "release" });
    }
    assert.deepEqual(await etcd.keys(), []);
  },
);

test(
  "shared leases coexist, and the last one lets an exclusive one in",
  needsEtcd,
  async () => {
    const name = newName();
    const [asker, ...holders] = all as [LeaseProcess, ...LeaseProcess[]];
    for (const holder of holders) {
      assertHeld(await holder.acquire(name, options({ mode: "shared" })));
    }
    const answer = await asker.acquire(name, options());
    assertFailed(answer, "LITELATCH_LOCKED", /is held shared by/);
    const pids = answer.holders?.map(({ pid }) => pid);
    assert.deepEqual(pids, holders.map(({ pid }) => pid));
    let given = false;
    const coming = asker.acquire(name, waiting());
    coming.then(() => given = true);
    await queued(all.length);
    // Who comes after one that waits, waits behind it.
    const late = await holders[0]!.acquire(
      name,
      options({ mode: "shared" }),
      "2",
    );
    assertFailed(late, "LITELATCH_LOCKED", /1 other waits for it/);
    for (const holder of holders) {
      assert.equal(given, false);
      await holder.ask({ do: "release" });
    }
    assertHeld(await coming);
    await asker.ask({ do: "release" });
  },
);

test("who comes first is served first", needsEtcd, async () => {
  const name = newName();
  const [holder] = all as [LeaseProcess];
  assertHeld(await holder.acquire(name, options()));
  const order: number[] = [];
  const turns: Promise<void>[] = [];
  const fences: number[] = [];
  for (let i = 0; i < 2 * all.length; i++) {
    const child = all[i % all.length]!;
    const as = `${i}`;
    turns.push(
      child.acquire(name, waiting(), as).then(async (told) => {
        assertHeld(told);
        order.push(i);
        fences.push(told.fence ?? 0);
        await child.ask({ do: "release", as });
      }),
    );
    await queued(i + 2);
  }
  await holder.ask({ do: "release" });
  await Promise.all(turns);
  assert.deepEqual(order, turns.map((_, i) => i));
  assert.deepEqual(fences, [...fences].sort((a, b) => a - b));
});

test(
  "a wait that is in vain, or that is aborted, leaves nothing behind",
  needsEtcd,
  async () => {
    for (const [holder, asker] of pairs()) {
      const name = newName();
      assertHeld(await holder.acquire(name, options()));
      const late = await asker.acquire(name, options({ wait: 30 }));
      assertFailed(late, "LITELATCH_LOCKED", /waited \d\d+ ms/);
      await queued(1);
      const waits = asker.acquire(name, waiting());
      await queued(2);
      await asker.ask({ do: "abort" });
      const answer = await waits;
      assert.equal(answer.message, "enough waited");
      await queued(1);
      await holder.ask({ do: "release" });
    }
  },
);

test("a wait ends by its abort at any moment", needsEtcd, async () => {
  const name = newName();
  assertHeld(await all[0]!.acquire(name, options(), "holder"));
  await Promise.all(all.map(async (asker) => {
    for (let times = 0; times < 25; times++) {
      const wait = Math.random() * 30;
      const late = await asker.acquire(name, options({ wait }));
      assertFailed(late, "LITELATCH_LOCKED", /is held exclusively/);
      const waits = asker.acquire(name, waiting());
      await pause(Math.random() * 30);
      await asker.ask({ do: "abort" });
      assert.equal((await waits).message, "enough waited");
    }
  }));
  await queued(1);
  await all[0]!.ask({ do: "release", as: "holder" });
});

test(
  "a holder that is killed makes room when its TTL has passed",
  needsEtcd,
  async () => {
    const name = newName();
    const victims = await Promise.all(runtimes().map(LeaseProcess.start));
    await Promise.all(victims.map(async (victim, i) => {
      const own = `${name} ${i}`;
      assertHeld(await victim.acquire(own, options({ ttl: 2000 })));
      const coming = all[i]!.acquire(own, waiting());
      await pause(500);
      await victim.kill();
      assertHeld(await coming);
      await all[i]!.ask({ do: "release" });
    }));
  },
);

test(
  "a wait outlives compaction and a watch that is cut",
  needsEtcd,
  async () => {
    const [member] = etcd.members;
    for (const [holder, asker] of pairs()) {
      const name = newName();
      assertHeld(await holder.acquire(name, waiting({ ttl: 6000 })));
      const coming = asker.acquire(name, waiting({ ttl: 6000 }));
      await queued(2);
      const { header } = await etcd.ask(member!, "/v3/kv/range", {
        key: "YQ==",
      });
      const { revision } = header;
      await etcd.ask(member!, "/v3/kv/compaction", {
        revision,
        physical: true,
      });
      member!.client.cut("all");
      await pause(50);
      member!.client.heal(); // Drops what was connected, watches too.
      await holder.ask({ do: "release" });
      assertHeld(await coming);
      await asker.ask({ do: "release" });
    }
  },
);

test(
  "a lease that is taken away in etcd is lost, with the reason",
  needsEtcd,
  async () => {
    const [member] = etcd.members;
    await Promise.all(all.map(async (holder, i) => {
      const name = newName();
      assertHeld(await holder.acquire(name, options({ ttl: 6000 })));
      const lost = holder.loss();
      const prefix = `litelatch/1/${encodeURIComponent(name)}/`;
      const [key] = (await etcd.keys()).filter((key) => key.startsWith(prefix));
      if (i % 2 === 0) {
        const { key: path } = { key: btoa(key!) };
        await etcd.ask(member!, "/v3/kv/deleterange", { key: path });
        assert.match((await lost).message!, /somebody deleted its key in etcd/);
      } else {
        const ID = key!.split("/").at(-1);
        await etcd.ask(member!, "/v3/lease/revoke", { ID });
        assert.match((await lost).message!, /etcd does not know it any more/);
      }
      assert.equal((await holder.ask({ do: "state" })).held, false);
      await holder.ask({ do: "release" });
    }));
  },
);

test(
  "a lease is kept for many times its TTL, by one that is idle",
  needsEtcd,
  async () => {
    await Promise.all(
      pairs().map(async ([holder, asker]) => {
        const losses: string[] = [];
        // A process that gets no turn for 0.6 s is right to give the lease up.
        for (let held = false; !held;) {
          const loss = await lossOf(holder, asker, newName());
          held = loss === null;
          if (loss !== null) losses.push(loss);
          assert.ok(losses.length < 3, `every time: ${losses.join("; ")}`);
        }
      }),
    );
  },
);

/** How a lease of a second was lost within three, or `null`. */
async function lossOf(
  holder: LeaseProcess,
  asker: LeaseProcess,
  name: string,
): Promise<string | null> {
  const taken = await holder.acquire(name, options({ ttl: 1000 }), "brief");
  if (!taken.ok) return taken.message!;
  await pause(3300);
  const other = await asker.acquire(name, options(), "no");
  const { held, fence } = await holder.ask({ do: "state", as: "brief" });
  if (held) {
    assertFailed(other, "LITELATCH_LOCKED", new RegExp(`PID ${holder.pid}`));
    assert.ok(fence! > 0);
  }
  await holder.ask({ do: "release", as: "brief" });
  if (other.ok) await asker.ask({ do: "release", as: "no" });
  return held ? null : String(holder.events.at(-1)?.message);
}

test(
  "an option that is wrong is refused with what it must be",
  needsEtcd,
  async () => {
    const wrong: [object, RegExp][] = [
      [{ endpoints: undefined }, /"endpoints" must be a list .*, got none/],
      [{ endpoints: [] }, /"endpoints" must be a list of http: or https: URLs/],
      [{ endpoints: ["127.0.0.1:2379"] }, /"endpoints" must be a list/],
      [{ tll: 1 }, /there is no option "tll", known are .*\bttl\b/],
      [{ ttl: 15 }, /"ttl" must be a number of milliseconds from 1000 to/],
      [{ mode: "exklusive" }, /"mode" must be "shared" or "exclusive"/],
      [{ auth: { user: "a" } }, /"auth" must be { user, password }/],
      [{ tls: { ca: 1 } }, /"tls" must be { ca, cert, key }/],
      [{ tls: { cat: "" } }, /there is no option "cat"/],
    ];
    for (const [more, words] of wrong) {
      const answer = await all[0]!.acquire("name", options(more));
      assert.equal(answer.name, "TypeError", answer.message);
      assert.match(answer.message ?? "", words);
    }
  },
);
