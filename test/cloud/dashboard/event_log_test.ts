import assert from "node:assert/strict";
import test from "node:test";
import { keptEvents, mergeEvents } from "../../../cloud/dashboard/src/event_log.ts";
import type { FleetEvent } from "../../../cloud/dashboard/src/types.ts";

const event = (id: number, time_ms: number): FleetEvent =>
  ({ id, time_ms, node: "a", kind: "online", severity: "info", text: "" });
const ids = (events: FleetEvent[]) => events.map((e) => e.id);

test("newest first, each once, whichever way they came", () => {
  assert.deepEqual(ids(mergeEvents([event(3, 30)], [event(2, 20), event(1, 10)])), [3, 2, 1]);
  // Told by the stream before the answer that does not know it yet.
  assert.deepEqual(ids(mergeEvents([event(3, 30), event(1, 10)], [event(2, 20), event(1, 10)])), [3, 2, 1]);
  assert.deepEqual(ids(mergeEvents([event(2, 10)], [event(1, 10)])), [2, 1]);
});

test("their number is bounded", () => {
  const many = Array.from({ length: keptEvents + 5 }, (_, i) => event(i, i));
  const kept = mergeEvents(many, []);
  assert.equal(kept.length, keptEvents);
  assert.equal(kept[0].id, keptEvents + 4);
});
