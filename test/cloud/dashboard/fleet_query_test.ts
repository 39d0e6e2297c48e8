import assert from "node:assert/strict";
import test from "node:test";
import { everything, formatQuery, matches, parseQuery, select } from "../../../cloud/dashboard/src/fleet_query.ts";
import { FleetState } from "../../../cloud/dashboard/src/fleet_state.ts";
import { summary } from "./summaries.ts";

const hot = { type: "gpu", reason: "GPUTooHot", message: "97 °C", severity: "critical" as const, since_ms: 0 };
const state = new FleetState();
state.reset([
  summary("edge-10", { utilization: 0.9, labels: { zone: "north" } }),
  summary("edge-2", { kind: "ascend", model: "Ascend 310P3", utilization: 0.1, health: "critical", problems: [hot] }),
  summary("edge-1", { online: false, labels: { zone: "south" } }),
  summary("lab", { kind: "host", model: "", accelerators: 0, cpu: 0.5, health: "warning",
    backlog: { samples: 9000, ticks: 60, age_s: 60, catching_up: true, progress: 0.4, left_s: 3 } }),
]);
const names = (changed: Partial<typeof everything>) =>
  select(state.nodes.values(), { ...everything, ...changed }, state.rank).map((n) => n.name);

test("what needs attention comes first, then names in natural order", () => {
  assert.deepEqual(names({}), ["edge-2", "edge-1", "lab", "edge-10"]);
  assert.deepEqual(names({ sort: "name" }), ["edge-1", "edge-2", "edge-10", "lab"]);
  assert.deepEqual(names({ sort: "name", reverse: true }), ["lab", "edge-10", "edge-2", "edge-1"]);
});

test("by figures: the largest first, the unknown last in either direction", () => {
  assert.deepEqual(names({ sort: "utilization" }), ["edge-10", "lab", "edge-2", "edge-1"]);
  assert.deepEqual(names({ sort: "utilization", reverse: true }), ["edge-2", "lab", "edge-10", "edge-1"]);
  assert.deepEqual(names({ sort: "kind" }), ["edge-2", "lab", "edge-1", "edge-10"]);
});

test("every word must be found: in name, model, label or problem", () => {
  assert.deepEqual(names({ search: "EDGE 310p" }), ["edge-2"]);
  assert.deepEqual(names({ search: "toohot" }), ["edge-2"]);
  assert.deepEqual(names({ search: "zone=north" }), ["edge-10"]);
  assert.deepEqual(names({ search: "edge nothing" }), []);
});

test("filters hold together", () => {
  assert.deepEqual(names({ health: "problems" }), ["edge-2", "lab"]);
  assert.deepEqual(names({ health: "ok", state: "offline" }), ["edge-1"]);
  assert.deepEqual(names({ state: "catching-up" }), ["lab"]);
  assert.deepEqual(names({ kind: "jetson", label: "zone=south" }), ["edge-1"]);
  assert.ok(!matches({ ...everything, label: "zone=" })(summary("x")));
});

test("the address keeps what is chosen, and only that", () => {
  assert.equal(formatQuery(everything), "");
  const chosen = { ...everything, search: "a b&c", sort: "power" as const, reverse: true, label: "k=v=w", view: "rows" as const };
  assert.deepEqual(parseQuery(formatQuery(chosen)), chosen);
  assert.deepEqual(parseQuery("?sort=constructor&view=x&health=y&state=z"), everything);
});
