import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { entries } from "../../scripts/release/entries.ts";
import { jsrFiles } from "../../scripts/release/jsr.ts";
import { fillFolder } from "../../scripts/release/package.ts";
import { lineOf, ROWS } from "../../scripts/release/matrix.ts";
import { inFolder } from "../fixtures/folder.ts";
import { withoutPackages } from "../fixtures/packages.ts";
import { runtimes } from "../fixtures/runtimes.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const deno = runtimes().find(({ id }) => id === "deno");

interface Doc {
  jsDoc?: { tags?: { kind: string }[] };
}

/** The part of `deno doc --json` that is read here. */
interface Documented {
  name: string;
  declarations: (Doc & {
    kind: string;
    def?: { methods?: (Doc & { name: string; kind: string })[] };
  })[];
}

/** Everything that is published. */
async function documented(folder: string): Promise<Documented[]> {
  fillFolder(folder, await jsrFiles());
  const files = entries().map(({ types }) => types);
  const { stdout, stderr, status } = spawnSync(
    deno?.command[0] ?? "",
    ["doc", "--json", ...files],
    {
      encoding: "utf8",
      cwd: folder,
      env: { ...process.env, NO_COLOR: "1" },
      maxBuffer: 2 ** 26,
    },
  );
  assert.equal(status, 0, stderr);
  const { nodes } = JSON.parse(stdout) as {
    nodes: Record<string, { symbols: Documented[] }>;
  };
  return Object.values(nodes).flatMap(({ symbols }) => symbols);
}

const hasExample = ({ jsDoc }: Doc) =>
  jsDoc?.tags?.some((tag) => tag.kind === "example") === true;

test(
  "every function, class and method that is published has an example",
  { skip: withoutPackages || (deno === undefined && "Deno is not here") },
  inFolder(async (folder) => {
    const symbols = await documented(join(folder, "jsr"));
    assert.ok(symbols.length > 20, `${symbols.length} symbols`);
    const bare = symbols.flatMap(({ name, declarations }) =>
      declarations.flatMap((one) => {
        if (one.kind === "function") return hasExample(one) ? [] : [name];
        if (one.kind !== "class") return [];
        // Nobody calls the one of the errors by hand.
        const methods = (one.def?.methods ?? []).filter((method) =>
          method.kind === "method" && method.name !== "[Symbol.hasInstance]"
        );
        return [
          ...hasExample(one) ? [] : [name],
          ...methods.filter((method) => !hasExample(method))
            .map((method) => `${name}.${method.name}`),
        ];
      })
    );
    assert.deepEqual(bare, []);
  }),
);

test(
  "every symbol that is published is documented, also what is exported again",
  { skip: withoutPackages || (deno === undefined && "Deno is not here") },
  inFolder(async (folder) => {
    fillFolder(join(folder, "jsr"), await jsrFiles());
    const { status, stdout, stderr } = spawnSync(
      deno?.command[0] ?? "",
      ["doc", "--lint", ...entries().map(({ types }) => types)],
      {
        encoding: "utf8",
        cwd: join(folder, "jsr"),
        env: { ...process.env, NO_COLOR: "1" },
      },
    );
    assert.equal(status, 0, stdout + stderr);
  }),
);

test(
  "the declarations of the core export as values what it exports",
  { skip: withoutPackages },
  async () => {
    const types = (await jsrFiles()).get("litelatch.d.mts") ?? "";
    const [, values = ""] = /^export \{([^}]*)\};$/m.exec(types) ?? [];
    assert.deepEqual(
      values.split(",").map((name) => name.trim()).sort(),
      Object.keys(await import("../../mod.ts")).sort(),
    );
  },
);

const PAGES = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "CHANGELOG.md",
  ...readdirSync(join(ROOT, "docs")).map((name) => `docs/${name}`),
];

/** What a page links to inside the repository: a path, and a heading of it. */
function links(page: string): { path: string; heading: string }[] {
  const text = readFileSync(join(ROOT, page), "utf8");
  return [...text.matchAll(/\]\((?!\w+:)([^)\s#]*)#?([^)\s]*)\)/g)]
    .map(([, path = "", heading = ""]) => ({
      path: path === "" ? page : normalize(join(dirname(page), path))
        .replaceAll("\\", "/"),
      heading,
    }));
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchors(page: string): string[] {
  const text = readFileSync(join(ROOT, page), "utf8");
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
  );
}

test("every file and heading that a page links to is there", () => {
  const broken = PAGES.flatMap((page) =>
    links(page).filter(({ path, heading }) =>
      !existsSync(join(ROOT, path)) ||
      heading !== "" && !anchors(path).includes(heading)
    ).map(({ path, heading }) => `${page}: ${path}#${heading}`)
  );
  assert.deepEqual(broken, []);
});

test("README.md has at most 350 lines, and links to every page", () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  assert.ok(readme.split("\n").length <= 351);
  const linked = links("README.md").map(({ path }) => path);
  assert.deepEqual(
    PAGES.filter((page) => page !== "README.md" && !linked.includes(page)),
    [],
  );
});

test("the table of what was tried has every row of the matrix", () => {
  const squeezed = readFileSync(join(ROOT, "docs/vendoring.md"), "utf8")
    .replaceAll(/ +/g, " ");
  const lost = ROWS.map((row) => lineOf(row, "works"))
    .filter((line) => !squeezed.includes(`${line}\n`));
  assert.deepEqual(lost, []);
});
