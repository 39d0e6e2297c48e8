import assert from "node:assert/strict";
import test from "node:test";
import { bounds, formatRange, parseRange, stepSeconds } from "../../../cloud/dashboard/src/time_range.ts";

test("ranges in the address", () => {
  assert.deepEqual(parseRange(""), { preset: "15m" });
  assert.deepEqual(parseRange("?range=7d"), { preset: "7d" });
  assert.deepEqual(parseRange("?range=toString"), { preset: "15m" });
  assert.deepEqual(parseRange("?from=1000&to=2000"), { from: 1000, to: 2000 });
  for (const bad of ["?from=2000&to=1000", "?from=x&to=1", "?from=1", "?from=-5&to=1"]) {
    assert.deepEqual(parseRange(bad), { preset: "15m" }, bad);
  }
  for (const text of ["", "?range=6h", "?from=1000&to=2000"]) assert.equal(formatRange(parseRange(text)), text);
});

test("at most 900 points, in round steps", () => {
  assert.deepEqual(bounds({ preset: "15m" }, 1_000_000), [100_000, 1_000_000]);
  assert.equal(stepSeconds(0, 900_000), 1);
  assert.equal(stepSeconds(0, 3_600_000), 5);
  assert.equal(stepSeconds(0, 7 * 86_400_000), 900);
  assert.equal(stepSeconds(0, 1000), 1);
  assert.ok((3 * 365 * 86_400) / stepSeconds(0, 3 * 365 * 86_400_000) <= 900);
});
