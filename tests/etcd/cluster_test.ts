import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { endChildren } from "../fixtures/children.ts";
import { runtimes } from "../fixtures/runtimes.ts";
import { until } from "../fixtures/until.ts";
import { assertHeld, LeaseProcess, type Told } from "./fixtures/children.ts";
import { Etcd, type Member, needsEtcd } from "./fixtures/etcd.ts";

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
  /** Whether somebody else has got the lease of each. */
  readonly gained: boolean[] = all.map(() => false);
  /** Why each has lost its lease, if it has heard of it. */
  readonly reasons: string[] = [];
  readonly #coming: Promise<Told>[] = [];
  readonly #verdicts: Promise<string | null>[] = [];

  static async begin(ttl: number, endpoints = etcd.endpoints): Promise<Round> {
    const round = new Round();
    const name = `round ${++rounds} `;
    await Promise.all(all.map(async (one, i) => {
      const options = { endpoints, ttl, wait: 20_000 };
      assertHeld(await one.acquire(`${name}${i}`, options, "own"));
      void one.loss("own").then(
        ({ message }) => round.reasons.push(message!),
        () => {},
      );
    }));
    for (const [i, one] of all.entries()) {
      const next = (i + 1) % all.length;
      const options = { endpoints: etcd.endpoints, ttl: 5000, wait: 60_000 };
      const coming = one.acquire(`${name}${next}`, options, "other");
      round.#coming[next] = coming;
      round.#verdicts.push(round.#judge(next, coming).catch(String));
    }
    for (let tries = 0; (await etcd.keys()).length < 2 * all.length; tries++) {
      assert.ok(tries < 500, "not everybody is in the queue");
      await pause(20);
    }
    return round;
  }

  /**
   * What is wrong when somebody else has got a lease. Its holder is asked, as
   * the event comes late to a process that gets no turn.
   */
  async #judge(holder: number, coming: Promise<Told>): Promise<string | null> {
    if (!(await coming).ok) return null;
    this.gained[holder] = true;
    const { held } = await all[holder]!.ask({ do: "state", as: "own" });
    return held === false ? null : `holder ${holder} believes that it holds`;
  }

  /** Lets all go: those that still wait must get theirs, and nobody too soon. */
  async end(): Promise<void> {
    for (const one of all) await one.ask({ do: "release", as: "own" });
    for (const told of await Promise.all(this.#coming)) assertHeld(told);
    for (const wrong of await Promise.all(this.#verdicts)) {
      assert.equal(wrong, null);
    }
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
      assert.deepEqual(round.gained, all.map(() => false));
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
      await until(
        "everybody gets what was lost",
        () => !round.gained.includes(false),
      );
      await until(
        "everybody has heard of its loss",
        () => round.reasons.length === all.length,
      );
    });
  },
);
