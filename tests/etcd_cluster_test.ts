import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { endChildren } from "./fixtures/children.ts";
import { Etcd, type Member, needsEtcd } from "./fixtures/etcd.ts";
import {
  assertHeld,
  LeaseProcess,
  type Told,
} from "./fixtures/etcd_children.ts";
import { runtimes } from "./fixtures/runtimes.ts";

let etcd: Etcd;
let all: LeaseProcess[] = [];
let rounds = 0;

if (needsEtcd.skip === false) {
  before(async () => {
    etcd = await Etcd.start({ members: 3 });
    all = await Promise.all(runtimes().map(LeaseProcess.start));
  });
  after(async () => {
    await endChildren();
    await etcd.end();
  });
}

/** Every process holds one lease, and waits for the one of the next. */
class Round {
  /** When each heard that its lease is lost. */
  readonly lost: (number | null)[] = all.map(() => null);
  /** When each got what another had held. */
  readonly gained: (number | null)[] = all.map(() => null);
  readonly reasons: string[] = [];
  readonly #coming: Promise<Told>[] = [];

  static async begin(ttl: number, endpoints = etcd.endpoints): Promise<Round> {
    const round = new Round();
    const name = `round ${++rounds} `;
    await Promise.all(all.map(async (one, i) => {
      const options = { endpoints, ttl, wait: 20_000 };
      assertHeld(await one.acquire(`${name}${i}`, options, "own"));
      void one.loss("own").then(({ at, message }) => {
        round.lost[i] = at!;
        round.reasons.push(message!);
      }, () => {});
    }));
    for (const [i, one] of all.entries()) {
      const next = (i + 1) % all.length;
      const options = { endpoints: etcd.endpoints, ttl: 5000, wait: 60_000 };
      const coming = one.acquire(`${name}${next}`, options, "other");
      round.#coming[next] = coming;
      void coming.then(({ at }) => round.gained[next] = at!, () => {});
    }
    for (let tries = 0; (await etcd.keys()).length < 2 * all.length; tries++) {
      assert.ok(tries < 500, "not everybody is in the queue");
      await pause(20);
    }
    return round;
  }

  /** Nobody got a lease before its holder had heard that it is lost. */
  assertNeverTwo(): void {
    for (const [i, gained] of this.gained.entries()) {
      if (gained === null) continue;
      const lost = this.lost[i];
      assert.ok(lost != null, `holder ${i} does not know that it is lost`);
      assert.ok(lost <= gained, `lost at ${lost}, given away at ${gained}`);
    }
  }

  /** Lets all go: those that still wait must get theirs. */
  async end(): Promise<void> {
    await Promise.all(all.map(async (one, i) => {
      const { held } = await one.ask({ do: "state", as: "own" });
      // A lease that was given away is held no more; judged by the answer of
      // the one that got it, which may come at this very moment.
      if (this.gained[i] !== null) assert.equal(held, false);
      await one.ask({ do: "release", as: "own" });
    }));
    for (const told of await Promise.all(this.#coming)) assertHeld(told);
    for (const one of all) await one.ask({ do: "release", as: "other" });
  }
}

/** A member that is not the leader. */
async function follower(): Promise<Member> {
  const leader = await etcd.leader();
  return etcd.members.find((member) => member !== leader)!;
}

/** Hurts the cluster for one round, and makes it whole again. */
async function hurt(
  ttl: number,
  endpoints: string[],
  harm: () => Promise<void> | void,
  judge: (round: Round) => Promise<void> | void,
): Promise<void> {
  const round = await Round.begin(ttl, endpoints);
  try {
    await harm();
    await judge(round);
    round.assertNeverTwo();
  } finally {
    etcd.heal();
    for (const member of etcd.members) if (member.pid === 0) member.start();
    await etcd.ready();
  }
  await round.end();
}

test(
  "a holder keeps its lease when a member is killed",
  needsEtcd,
  async () => {
    const victim = await follower();
    const term = await etcd.term();
    await hurt(3000, etcd.endpoints, () => victim.kill(), async (round) => {
      await pause(3600);
      // Two slow members may want a new leader, and that takes its time.
      if (await etcd.term() !== term) return;
      assert.deepEqual(round.reasons, []);
      assert.deepEqual(round.gained, all.map(() => null));
    });
  },
);

test(
  "there are never two holders when the leader is killed",
  needsEtcd,
  async () => {
    const victim = await etcd.leader();
    await hurt(2000, etcd.endpoints, () => victim.kill(), () => pause(3000));
  },
);

test(
  "there are never two holders when the leader is cut off",
  needsEtcd,
  async () => {
    const victim = await etcd.leader();
    const cut = () => etcd.cut(victim);
    await hurt(2000, etcd.endpoints, cut, async () => {
      await pause(3000);
      assert.notEqual(await etcd.leader(), victim);
    });
  },
);

test(
  "a holder behind a member that is cut off loses in time",
  needsEtcd,
  async () => {
    const victim = await follower();
    const only = etcd.endpoints[etcd.members.indexOf(victim)]!;
    // Its clients still reach it, but it reaches nobody.
    const isolate = () => etcd.isolate(victim);
    await hurt(2000, [only], isolate, async (round) => {
      for (let tries = 0; round.gained.includes(null); tries++) {
        assert.ok(tries < 600, "nobody gets what was lost");
        await pause(50);
      }
      assert.equal(round.lost.includes(null), false);
    });
  },
);
