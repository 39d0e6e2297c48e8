import assert from "node:assert/strict";
import test from "node:test";
import { firstDelayMs, maxDelayMs, retryDelay } from "../../../cloud/dashboard/src/backoff.ts";

test("delays double up to their bound, a quarter by chance", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 1000].map((n) => retryDelay(n, () => 1)), [1000, 2000, 4000, 8000, maxDelayMs, maxDelayMs]);
  assert.equal(retryDelay(1, () => 0), firstDelayMs * 0.75);
});
