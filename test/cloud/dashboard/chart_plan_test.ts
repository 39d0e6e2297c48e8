import assert from "node:assert/strict";
import test from "node:test";
import { compareDevices, figuresOf, lonelyPoints, planCharts, timeLabels, valueRange } from "../../../cloud/dashboard/src/chart_plan.ts";
import type { Device, Reading } from "../../../cloud/dashboard/src/types.ts";

const reading = (id: string, unit: string, chart = true): Reading =>
  ({ id, metric: id, labels: {}, label: id, unit, value: 1, time_ms: 0, chart });

test("readings of one unit share a chart, the most telling unit first", () => {
  const specs = planCharts([reading("fan", "rpm"), reading("t1", "celsius"), reading("use", "ratio"), reading("t2", "celsius"),
    reading("total", "bytes", false)]);
  assert.deepEqual(specs.map((s) => [s.title, s.series.map((x) => x.id)]),
    [["Utilisation", ["use"]], ["Temperature", ["t1", "t2"]], ["Speed", ["fan"]]]);
  assert.equal(planCharts([reading("a", "watts")], "Power rails")[0].title, "Power rails");
  assert.deepEqual(figuresOf([reading("a", "watts"), reading("b", "bytes", false)]).map((r) => r.id), ["b"]);
});

test("several devices are compared reading by reading", () => {
  const device = (id: string): Device => ({ id, type: "npu", name: "910B3", health: "ok",
    readings: [{ ...reading(`t-${id}`, "celsius"), metric: "t", label: "Temperature" },
      { ...reading(`u-${id}`, "ratio"), metric: "u", label: "Utilisation" }, { ...reading(`m-${id}`, "bytes", false), metric: "m" }] });
  assert.deepEqual(compareDevices([device("npu/0-0"), device("npu/1-0")]), [
    { title: "Utilisation", unit: "ratio", series: [{ id: "u-npu/0-0", label: "#0-0" }, { id: "u-npu/1-0", label: "#1-0" }] },
    { title: "Temperature", unit: "celsius", series: [{ id: "t-npu/0-0", label: "#0-0" }, { id: "t-npu/1-0", label: "#1-0" }] },
  ]);
  assert.deepEqual(compareDevices([device("npu/0-0")]), []);
});

test("axes", () => {
  assert.deepEqual(valueRange("ratio", 0.1, 0.2), [0, 1]);
  assert.deepEqual(valueRange("celsius", 40, 60), [38, 62]);
  assert.deepEqual(valueRange("watts", 0, 0), [0, 1]);
  assert.deepEqual(valueRange("watts", null, null), [0, 1]);
  const noon = new Date(2026, 4, 9, 12, 0, 0).getTime() / 1000;
  assert.deepEqual(timeLabels([noon, noon + 30], 30), ["12:00:00", "12:00:30"]);
  assert.deepEqual(timeLabels([noon, noon + 43_200], 43_200), ["12:00", "05-10"]);
});

test("points alone between gaps are found", () => {
  assert.deepEqual(lonelyPoints([1, null, 2, null, 3, 4, null, 5], 0, 7), [0, 2, 7]);
  assert.deepEqual(lonelyPoints([1, undefined, 2, undefined], 0, 3), []);
  assert.deepEqual(lonelyPoints([null, undefined, 2, undefined], 0, 3), [2]);
  assert.deepEqual(lonelyPoints([], 0, -1), []);
});
