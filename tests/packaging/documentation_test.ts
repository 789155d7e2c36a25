import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { entryPoints } from "../../scripts/release/ship/manifest.ts";
import { runtimes } from "../fixtures/runtimes.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const deno = runtimes().find(({ id }) => id === "deno");

/** The part of `deno doc --json` that is read here. */
interface Documented {
  name: string;
  declarations: {
    kind: string;
    declarationKind: string;
    jsDoc?: { doc?: string; tags?: { kind: string }[] };
  }[];
}

/** Everything that an entry point exports. */
function documented(entry: string): Documented[] {
  const path = deno?.command[0] ?? "";
  const { stdout, stderr, status } = spawnSync(path, ["doc", "--json", entry], {
    encoding: "utf8",
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: "1" },
    maxBuffer: 2 ** 26,
  });
  assert.equal(status, 0, stderr);
  const { nodes } = JSON.parse(stdout) as {
    nodes: Record<string, { symbols: Documented[] }>;
  };
  return Object.values(nodes).flatMap(({ symbols }) => symbols);
}

test(
  "every function and class on the face has an example",
  { skip: deno === undefined && "Deno is not here" },
  () => {
    const symbols = entryPoints().flatMap(documented);
    assert.ok(symbols.length > 20, `${symbols.length} symbols`);
    const bare = symbols.filter(({ declarations }) =>
      declarations.some(({ kind, jsDoc }) =>
        (kind === "function" || kind === "class") &&
        !jsDoc?.tags?.some((tag) => tag.kind === "example")
      )
    );
    assert.deepEqual(bare.map(({ name }) => name), []);
  },
);
