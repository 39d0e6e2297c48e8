import assert from "node:assert/strict";
import test from "node:test";
import { maxPoints, Tracks, usualStep } from "../../../cloud/dashboard/src/tracks.ts";

const history = () => Tracks.fromHistory({
  source: "memory", step_s: 1, times: [1000, 2000, 3000, 4000, 5000],
  series: [{ id: "a", values: [1, 2, null, 4, 5] }],
  backfilled: [[1000, 2000]], thinned: [[1000, 3000, 60]],
});

test("live ticks go on where history ends", () => {
  const tracks = history();
  assert.ok(tracks.append({ time_ms: 6000, values: { a: 6 } }));
  assert.deepEqual(tracks.times, [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(tracks.of("a"), [1, 2, null, 4, 5, 6]);
});

test("what was there already, and what is older, is not added", () => {
  const tracks = history();
  assert.ok(!tracks.append({ time_ms: 5000, values: { a: 9 } }));
  assert.ok(!tracks.append({ time_ms: 4500, values: { a: 9 } }));
  assert.deepEqual(tracks.of("a"), [1, 2, null, 4, 5]);
});

test("a hole longer than 2.5 ticks is a gap, a shorter one is not", () => {
  const tracks = history();
  tracks.append({ time_ms: 7400, values: { a: 7 } });
  assert.deepEqual(tracks.of("a").slice(4), [5, 7]);
  tracks.append({ time_ms: 10_100, values: { a: 10 } });
  assert.deepEqual(tracks.times.slice(5), [7.4, 8.4, 10.1]);
  assert.deepEqual(tracks.of("a").slice(5), [7, null, 10]);
});

test("a node that ticks every 10 s has no gaps at 10 s", () => {
  const tracks = Tracks.fromHistory({ source: "memory", step_s: 1, times: [0, 10_000, 20_000, 30_000],
    series: [{ id: "a", values: [1, 2, 3, 4] }], backfilled: [], thinned: [] });
  tracks.append({ time_ms: 50_000, values: { a: 5 } });
  assert.deepEqual(tracks.of("a"), [1, 2, 3, 4, 5]);
});

test("what is not stored yet at the end of history is no gap", () => {
  const tracks = Tracks.fromHistory({ source: "database", step_s: 1, times: [1000, 2000, 3000, 4000, 5000, 6000],
    series: [{ id: "a", values: [1, 2, 3, 4, null, null] }, { id: "b", values: [1, 2, 3, null, null, null] }],
    backfilled: [], thinned: [] });
  assert.ok(tracks.append({ time_ms: 5000, values: { a: 5, b: 5 } }));
  assert.deepEqual(tracks.times, [1, 2, 3, 4, 5]);
  assert.deepEqual(tracks.of("a"), [1, 2, 3, 4, 5]);
});

test("a collector that reads every third tick has no gaps between its readings", () => {
  const tracks = new Tracks();
  for (let t = 1; t <= 30; ++t) tracks.append({ time_ms: t * 1000, values: t % 3 === 0 && t !== 15 && t !== 18 ? { slow: t, fast: t } : { fast: t } });
  const line = tracks.line("slow");
  assert.deepEqual(line.slice(2, 12), [3, undefined, undefined, 6, undefined, undefined, 9, undefined, undefined, 12]);
  assert.deepEqual(line.slice(12, 20), [null, null, null, null, null, null, null, null]);
  assert.deepEqual(line[0], null);
  assert.equal(tracks.valueAt("slow"), 30);
  assert.equal(tracks.valueAt("slow", 7), 6);
  assert.equal(tracks.valueAt("slow", 19), null);
  assert.equal(new Tracks().valueAt("slow"), null);
});

test("series come and go: gaps before and after", () => {
  const tracks = history();
  tracks.append({ time_ms: 6000, values: { b: 1 } });
  assert.deepEqual(tracks.of("a"), [1, 2, null, 4, 5, null]);
  assert.deepEqual(tracks.of("b"), [null, null, null, null, null, 1]);
  assert.deepEqual(tracks.of("never"), [null, null, null, null, null, null]);
});

test("trimming keeps one point before the edge and lets go of what is older", () => {
  const tracks = history();
  tracks.trim(3.5);
  assert.deepEqual(tracks.times, [3, 4, 5]);
  assert.deepEqual(tracks.of("a"), [null, 4, 5]);
  assert.deepEqual([tracks.backfilled, tracks.thinned], [[], []]);
});

test("the number of points is bounded", () => {
  const tracks = new Tracks();
  for (let i = 0; i < maxPoints + 10; ++i) tracks.append({ time_ms: i * 1000, values: { a: i } });
  tracks.trim(0);
  assert.equal(tracks.times.length, maxPoints);
  assert.equal(tracks.of("a").length, maxPoints);
});

test("the usual step is the median", () => {
  assert.equal(usualStep([0, 1]), undefined);
  assert.equal(usualStep([0, 1, 2, 3, 100]), 1);
});
