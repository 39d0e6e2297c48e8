import assert from "node:assert/strict";
import test from "node:test";
import { nodeAddress, parseRoute } from "../../../cloud/dashboard/src/routes.ts";

test("addresses", () => {
  assert.deepEqual(parseRoute("/"), { page: "fleet" });
  assert.deepEqual(parseRoute("/events"), { page: "events" });
  assert.deepEqual(parseRoute("/nodes/edge-1"), { page: "node", name: "edge-1" });
  assert.deepEqual(parseRoute(nodeAddress("a b")), { page: "node", name: "a b" });
  for (const path of ["/nodes", "/nodes/a/b", "/nodes/%zz", "/x"]) assert.equal(parseRoute(path).page, "unknown", path);
});
