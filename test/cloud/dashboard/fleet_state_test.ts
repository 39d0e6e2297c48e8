import assert from "node:assert/strict";
import test from "node:test";
import { FleetState } from "../../../cloud/dashboard/src/fleet_state.ts";
import { summary } from "./summaries.ts";

test("updates change, add and take away", () => {
  const fleet = new FleetState();
  fleet.reset([summary("a"), summary("b", { online: false })]);
  fleet.apply({ now_ms: 0, nodes: [summary("b", { health: "warning" }), summary("c")], gone: ["a", "never"] });
  assert.deepEqual([...fleet.nodes.keys()].sort(), ["b", "c"]);
  assert.deepEqual(fleet.counts(), { nodes: 2, online: 2, offline: 0, critical: 0, warning: 1, catchingUp: 0 });
  assert.deepEqual([...fleet.rank], [["b", 0], ["c", 1]]);
  fleet.reset([]);
  assert.equal(fleet.nodes.size, 0);
});

test("one gone and one new in the same update are both placed", () => {
  const fleet = new FleetState();
  fleet.reset([summary("a"), summary("c")]);
  fleet.apply({ now_ms: 0, nodes: [summary("b")], gone: ["a"] });
  assert.deepEqual([...fleet.rank.keys()], ["b", "c"]);
});

test("choices are what nodes have, without each node's own name", () => {
  const fleet = new FleetState();
  fleet.reset([summary("a", { labels: { zone: "n", "kubernetes.io/hostname": "a" } }), summary("b", { kind: "ascend" })]);
  assert.deepEqual(fleet.choices(), { kinds: ["ascend", "jetson"], labels: ["zone=n"] });
});
