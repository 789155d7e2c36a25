import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Child, endChildren } from "../fixtures/children.ts";
import { inFolder } from "../fixtures/folder.ts";
import { runtimes } from "../fixtures/runtimes.ts";
import { makeCertificates, withoutOpenssl } from "./fixtures/certificates.ts";
import { assertFailed, assertHeld, LeaseProcess } from "./fixtures/children.ts";
import { Etcd, freePorts, needsEtcd, withEtcd } from "./fixtures/etcd.ts";

const EXIT = fileURLToPath(new URL("fixtures/exit.ts", import.meta.url));
const ETCD = "LITELATCH_ETCD";
const TTL = 4000;
let etcd: Etcd;
let all: LeaseProcess[] = [];

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

/** The same on every runtime. */
async function each(
  body: (one: LeaseProcess, name: string) => Promise<void>,
): Promise<void> {
  await Promise.all(
    all.map((one, i) => body(one, `lease ${Math.random()} ${i}`)),
  );
}

const options = (more: object = {}) => ({
  endpoints: etcd.endpoints,
  ttl: TTL,
  ...more,
});

test(
  "etcd that is not there is said to be so, by endpoint",
  needsEtcd,
  async () => {
    const gone = (await freePorts(2)).map((port) => `http://127.0.0.1:${port}`);
    await each(async (one, name) => {
      const answer = await one.acquire(name, options({ endpoints: gone }));
      for (const url of gone) {
        assertFailed(answer, ETCD, new RegExp(`${url}: `));
      }
      assert.match(answer.message!, /Check that etcd runs, that most of its/);
      // One that answers is enough, wherever it is in the list.
      const endpoints = [...gone, ...etcd.endpoints];
      assertHeld(await one.acquire(name, options({ endpoints })));
      await one.ask({ do: "release" });
    });
  },
);

test("what is not etcd 3.4 is said to be so", needsEtcd, async () => {
  const strange = createServer((request, response) => {
    const old = request.url === "/version";
    response.statusCode = old ? 200 : 404;
    response.end(old ? '{"etcdserver":"3.3.27"}' : "404 page not found");
  });
  await new Promise<void>((resolve) => strange.listen(0, "127.0.0.1", resolve));
  const { port } = strange.address() as { port: number };
  try {
    await each(async (one, name) => {
      const endpoints = [`http://127.0.0.1:${port}/`];
      const answer = await one.acquire(name, options({ endpoints }));
      assertFailed(
        answer,
        "LITELATCH_UNSUPPORTED",
        /is etcd 3\.3\.27\. It must/,
      );
      const below = [`http://127.0.0.1:${port}/below`];
      const other = await one.acquire(name, options({ endpoints: below }));
      assertFailed(other, "LITELATCH_UNSUPPORTED", /does not answer like etcd/);
    });
  } finally {
    strange.close();
    strange.closeAllConnections();
  }
});

/** Stands in front of etcd, and revokes the first lease that it grants. */
async function revoking(): Promise<
  { server: Server; url: string; grants: string[] }
> {
  const grants: string[] = [];
  const server = createServer(async (request, response) => {
    const body = (await Array.fromAsync(request)).join("");
    const url = `${etcd.endpoints[0]}${request.url}`;
    const reply = await fetch(url, { method: "POST", body });
    const text = await reply.text();
    if (request.url === "/v3/lease/grant") {
      const { ID } = JSON.parse(text);
      if (grants.push(ID) === 1) {
        await etcd.ask(etcd.members[0]!, "/v3/lease/revoke", { ID });
      }
    }
    response.statusCode = reply.status;
    response.setHeader("content-type", "application/json");
    response.end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return { server, url: `http://127.0.0.1:${port}`, grants };
}

test(
  "a lease that runs out before it has its place is granted anew",
  needsEtcd,
  () =>
    each(async (one, name) => {
      const { server, url, grants } = await revoking();
      const how = options({ endpoints: [url], wait: 60_000 });
      try {
        assertHeld(await one.acquire(name, how));
        assert.ok(grants.length > 1);
        await one.ask({ do: "release" });
      } finally {
        server.close();
        server.closeAllConnections();
      }
    }),
);

test(
  "a holder that cannot renew knows before etcd forgets",
  needsEtcd,
  async () => {
    const [member] = etcd.members;
    const left = new Map<string, LeaseProcess>();
    await each(async (one, name) => {
      assertHeld(await one.acquire(name, options()));
      left.set(`litelatch/1/${encodeURIComponent(name)}/`, one);
    });
    const losses = all.map((one) => one.loss());
    member!.client.cut("all");
    try {
      assert.equal((await etcd.keys()).length, all.length);
      while (left.size > 0) {
        const keys = await etcd.keys();
        for (const [prefix, one] of left) {
          if (keys.some((key) => key.startsWith(prefix))) continue;
          left.delete(prefix);
          // Not by when it told that: it may have had no turn.
          assert.equal((await one.ask({ do: "state" })).held, false);
        }
        await pause(5);
      }
      for (const { message } of await Promise.all(losses)) {
        assert.match(message!, /could not be renewed in time, .* last attempt/);
      }
    } finally {
      member!.client.heal();
    }
  },
);

test(
  "a clock that is set forward takes the lease, one set back does not",
  needsEtcd,
  () =>
    each(async (_, name) => {
      const kind = runtimes()[Number(name.at(-1))]!;
      const one = await LeaseProcess.start(kind);
      assertHeld(await one.acquire(name, options()));
      await one.ask({ do: "clock", clock: { wallBy: -60_000 } });
      assertHeld(await one.ask({ do: "state" }));
      const lost = one.loss();
      await one.ask({ do: "clock", clock: { wallBy: 120_000 } });
      assert.equal((await one.ask({ do: "state" })).held, false);
      const { message = "" } = await lost;
      assert.match(
        message,
        /the wall clock says that \d+(\.\d+)? s have passed/,
      );
      assert.match(message, /suspended, or its clock was set/);
      await one.ask({ do: "release" });
    }),
);

test(
  "a machine that slept knows it by the wall clock",
  needsEtcd,
  () =>
    each(async (_, name) => {
      const kind = runtimes()[Number(name.at(-1))]!;
      const one = await LeaseProcess.start(kind);
      assertHeld(await one.acquire(name, options()));
      // CLOCK_MONOTONIC stands still in a sleep; here it is made to, but for Deno.
      await one.ask({ do: "clock", clock: { steadyStands: true } });
      one.signal("SIGSTOP");
      await pause(TTL);
      one.signal("SIGCONT");
      assert.equal((await one.ask({ do: "state" })).held, false);
    }),
);

test(
  "a lease ends in time where a test has faked every clock",
  needsEtcd,
  () =>
    each(async (_, name) => {
      const kind = runtimes()[Number(name.at(-1))]!;
      const one = await LeaseProcess.start(kind);
      assertHeld(await one.acquire(name, options()));
      await one.ask({ do: "clock", clock: { faked: true } });
      // A renewal may be under way.
      await pause(2 * TTL);
      assert.equal((await one.ask({ do: "state" })).held, false);
    }),
);

test("a lease keeps no process alive", needsEtcd, async () => {
  const ended = runtimes().map(({ command, id }) =>
    new Child([...command, EXIT, etcd.endpoints[0]!, id])
      .ended
  );
  for (const { code, stdout, stderr } of await Promise.all(ended)) {
    assert.equal(stdout, "true\n", stderr);
    assert.equal(code, 0, stderr);
  }
});

test(
  "user and password are needed, checked and renewed",
  needsEtcd,
  withEtcdOfUsers(async (endpoints) => {
    await each(async (one, name) => {
      const ask = (auth?: object) =>
        one.acquire(name, { endpoints, ttl: 9000, ...auth && { auth } });
      const advice =
        /Give \{ auth: \{ user, password \} \} of a user whose role/;
      assertFailed(await ask(), ETCD, advice);
      assertFailed(await ask({ user: "app", password: "no" }), ETCD, advice);
      const denied = await ask({ user: "guest", password: "guest" });
      assertFailed(denied, ETCD, /permission denied/);
      assertFailed(denied, ETCD, advice);
      assertHeld(await ask({ user: "app", password: "app" }));
      // A login lasts one second there, and the lease is renewed after three.
      await pause(4500);
      assertHeld(await one.ask({ do: "state" }));
      await one.ask({ do: "release" });
      assertHeld(await ask({ user: "app", password: "app" }));
      await one.ask({ do: "release" });
    });
  }),
);

/** Users are for the whole of etcd, so it is one of its own. */
function withEtcdOfUsers(
  body: (endpoints: string[]) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const own = await Etcd.start({ words: ["--auth-token-ttl", "1"] });
    try {
      const post = async (path: string, order: object) => {
        const answer = await own.ask(
          own.members[0]!,
          `/v3/auth/${path}`,
          order,
        );
        assert.equal(answer.error, undefined);
      };
      for (const name of ["root", "app", "guest"]) {
        await post("user/add", { name, password: name });
      }
      for (const name of ["root", "app"]) {
        await post("role/add", { name });
        await post("user/grant", { user: name, role: name });
      }
      const [key, range_end] = [btoa("litelatch/"), btoa("litelatch0")];
      const perm = { permType: "READWRITE", key, range_end };
      await post("role/grant", { name: "app", perm });
      await post("enable", {});
      await body(own.endpoints);
    } finally {
      await own.end();
    }
  };
}

test(
  "TLS works with certificates, and says what is missing",
  {
    skip: needsEtcd.skip || withoutOpenssl,
  },
  inFolder(async (folder) => {
    const { file, text } = makeCertificates(folder);
    const own = await Etcd.start({
      scheme: "https",
      words: [
        ...[
          "--cert-file",
          file("server.pem"),
          "--key-file",
          file("server.key"),
        ],
        ...["--trusted-ca-file", file("ca.pem"), "--client-cert-auth"],
      ],
    });
    // From here on: the end of this test ends the children of the others too.
    const ones = await Promise.all(runtimes().map(LeaseProcess.start));
    try {
      const { endpoints } = own;
      const ca = text("ca.pem");
      const tls = { ca, cert: text("client.pem"), key: text("client.key") };
      await Promise.all(ones.map(async (one, i) => {
        const ask = (more: object) =>
          one.acquire(`${i}`, { endpoints, ttl: TTL, ...more });
        assertHeld(await ask({ tls, wait: 30_000 }));
        await pause(TTL);
        assertHeld(await one.ask({ do: "state" }));
        await one.ask({ do: "release" });
        const advice =
          /Give etcd's authority as \{ tls: \{ ca \} \}, and \{ cert/;
        assertFailed(await ask({}), ETCD, advice);
        assertFailed(await ask({ tls: { ca } }), ETCD, /cert, key \}/);
        const named = endpoints[0]!.replace("127.0.0.1", "localhost");
        assertFailed(await ask({ tls, endpoints: [named] }), ETCD, advice);
        const plain = [endpoints[0]!.replace("https", "http")];
        assertFailed(await ask({ endpoints: plain }), ETCD, /http: or https:/);
      }));
    } finally {
      await own.end();
    }
  }),
);

test(
  "etcd that is full says how to make room",
  needsEtcd,
  withEtcd({
    words: ["--quota-backend-bytes", "65536"],
  }, async (full) => {
    const [member] = full.members;
    const value = btoa("x".repeat(20_000));
    for (let i = 0; i < 50; i++) {
      await full.ask(member!, "/v3/kv/put", { key: btoa(`${i}`), value });
    }
    const one = await LeaseProcess.start(runtimes()[0]!);
    const answer = await one.acquire("name", { endpoints: full.endpoints });
    assertFailed(
      answer,
      ETCD,
      /etcdctl compact, etcdctl defrag, etcdctl alarm/,
    );
  }),
);
