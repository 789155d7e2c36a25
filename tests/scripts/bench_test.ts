import assert from "node:assert/strict";
import { test } from "node:test";
import { readArguments } from "../../scripts/bench/arguments.ts";
import { firstCome, poisson } from "../../scripts/bench/arrivals.ts";
import { jain, quantile } from "../../scripts/bench/figures.ts";
import { dotPlot } from "../../scripts/bench/plot/dots.ts";
import { tailPlot } from "../../scripts/bench/plot/tail.ts";
import type { Section } from "../../scripts/bench/section.ts";

const sections = ["waiting", "winners", "wal"].map((name): Section => ({
  name,
  title: name,
  method: "",
  target: "",
  seconds: 1,
  run: () => Promise.reject(new Error("It is only read about")),
}));

/** Every coordinate of an SVG's marks, and whether its tags are paired. */
function look(svg: string): { places: number[]; open: string[] } {
  const open: string[] = [];
  for (const [, end, name, alone] of svg.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
    if (end !== "") assert.equal(open.pop(), name);
    else if (alone === "") open.push(name ?? "");
  }
  const places = [...svg.matchAll(/ (?:x|y|x1|x2|y1|y2|cx|cy)="([^"]*)"/g)]
    .map(([, number]) => Number(number));
  return { places, open };
}

test("the bench takes its sections in the order in which they are named", () => {
  const { sections: chosen, save, scale } = readArguments(
    ["wal", "--save", "--scale=0.5", "waiting"],
    sections,
  );
  assert.deepEqual(chosen.map(({ name }) => name), ["wal", "waiting"]);
  assert.deepEqual([save, scale], [true, 0.5]);
  assert.equal(readArguments([], sections).sections.length, sections.length);
});

test("an unknown word on the bench's command line suggests the nearest", () => {
  const wrong: [string, RegExp][] = [
    ["wating", /no section "wating", did you mean "waiting"\?/],
    ["--sav", /no option "--sav", did you mean "--save"\?/],
    ["--runtime=dno", /no runtime "dno", did you mean "deno"\?/],
    ["--scale=none", /--scale must be a number above 0 .* got "none"/],
  ];
  for (const [word, message] of wrong) {
    assert.throws(() => readArguments([word], sections), { message });
  }
});

test("the ideal queue serves in the order of arrival and loses no time", () => {
  const first = [{ at: 0, got: 5, end: 9 }, { at: 30, got: 30, end: 32 }];
  const second = [{ at: 1, got: 1, end: 4 }];
  assert.deepEqual(firstCome([first, second]), [
    [{ at: 0, got: 0, end: 4 }, { at: 30, got: 30, end: 32 }],
    [{ at: 1, got: 4, end: 7 }],
  ]);
});

test("arrivals come at their rate, and again for the same seed", () => {
  const how = { seed: 7, seconds: 100, processes: 4, perSecond: 200 };
  const arrivals = poisson(how);
  assert.deepEqual(poisson(how), arrivals);
  assert.notDeepEqual(poisson({ ...how, seed: 8 }), arrivals);
  // 20,000 are expected; ten standard deviations are 1,414.
  assert.ok(Math.abs(arrivals.flat().length - 20_000) < 1414);
  for (const of of arrivals) {
    assert.deepEqual(of, of.toSorted((a, b) => a - b));
  }
});

test("fairness is one for equals, and a part for one who has all", () => {
  assert.equal(jain([3, 3, 3, 3]), 1);
  assert.equal(jain([4, 0, 0, 0]), 0.25);
  assert.equal(quantile([5, 1, 4, 2, 3], 0.5), 3);
  assert.equal(quantile([5, 1, 4, 2, 3], 1), 5);
});

test("a plot is whole, says its unit, and keeps within its page", () => {
  const values = [0.5, 2, 8, 2100];
  const plots = [
    tailPlot({
      title: "A & B <1>",
      axis: "wait, ms",
      series: [
        { label: "one", kind: "litelatch", values },
        { label: "two", kind: "raw", values: values.map((v) => v * 2) },
      ],
    }),
    ...(["linear", "logarithmic"] as const).map((scale) =>
      dotPlot({
        title: "A & B <1>",
        axis: "wait, ms",
        scale,
        target: { value: 3000, label: "target" },
        dots: values.map((middle) => ({
          label: "one",
          kind: "raw",
          group: `group ${middle}`,
          low: middle / 2,
          middle,
          high: middle * 2,
        })),
      })
    ),
  ];
  for (const svg of plots) {
    const { places, open } = look(svg);
    assert.deepEqual(open, []);
    assert.match(svg, /A &amp; B &lt;1&gt;/);
    assert.match(svg, />wait, ms</);
    const height = Number(/ height="(\d+)"/.exec(svg)?.[1]);
    assert.ok(places.length > 20);
    for (const place of places) {
      assert.ok(place >= 0 && place <= Math.max(760, height), String(place));
    }
    const axis = [...svg.matchAll(/class="rule"/g)].length;
    assert.ok(axis >= 3, "an axis has ticks");
    // Beyond the last tick is the room for numbers and labels.
    const ticks = [...svg.matchAll(/x1="(\d[\d.]*)" [^>]*class="rule"/g)];
    const end = Math.max(...ticks.map(([, x]) => Number(x)));
    for (
      const [, x] of svg.matchAll(/x2="([\d.]+)" y2="[\d.]+" class="range/g)
    ) {
      assert.ok(Number(x) <= end, `${x} is beyond ${end}`);
    }
    assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
  }
});
