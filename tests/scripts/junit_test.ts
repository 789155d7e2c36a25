import assert from "node:assert/strict";
import { test } from "node:test";
import { readJunit } from "../../scripts/test/junit.ts";

test("Deno's report is counted", () => {
  const count = readJunit(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="3" failures="1" errors="0" time="0.1">
    <testsuite name="./tests/a_test.ts" tests="3" disabled="1">
        <testcase name="passes" classname="./tests/a_test.ts">
        </testcase>
        <testcase name="a &lt; b &amp; c" classname="./tests/a_test.ts">
            <failure message="Uncaught &lt;testcase name=">x</failure>
        </testcase>
        <testcase name="waits" classname="./tests/a_test.ts">
            <skipped/>
        </testcase>
    </testsuite>
</testsuites>
`);
  const expected = { passed: 1, skipped: 1, failed: ["a < b & c"] };
  assert.deepEqual(count, { ...expected, broken: false });
});

test("Bun's report is counted, attributes with > included", () => {
  const count = readJunit(`<testsuites name="bun test" tests="2">
  <testsuite name="tests/a_test.ts" tests="2">
    <testcase name="1 > 0 />" classname="" assertions="0" />
    <testcase name="fails" classname="">
      <failure type="AssertionError" message="Cannot add&#10;">x</failure>
    </testcase>
  </testsuite>
</testsuites>`);
  const expected = { passed: 1, skipped: 0, failed: ["fails"] };
  assert.deepEqual(count, { ...expected, broken: false });
});

test("Node's report is counted, comments are not", () => {
  const count = readJunit(`<testsuites>
	<testcase name="a" time="0.1" classname="test" file="/a_test.ts"/>
	<!-- <testcase name="b"> said a test -->
	<testcase name="c" failure="x > y"><failure type="f" message="m">
[Error: x > y] </failure></testcase>
	<testcase name="d"><skipped type="todo" message="true"/></testcase>
	<!-- tests 3 -->
</testsuites>
`);
  const expected = { passed: 1, skipped: 1, failed: ["c"] };
  assert.deepEqual(count, { ...expected, broken: false });
});

test("a report that breaks off is none", () => {
  assert.equal(readJunit(""), null);
  assert.equal(readJunit('<testsuites>\n\t<testcase name="a"/>\n'), null);
});

test("a test that left the process breaks the run", () => {
  const xml = '<testsuites name="deno test" tests="1" errors="1"></testsuites>';
  assert.equal(readJunit(xml)?.broken, true);
});
