import assert from "node:assert/strict";
import test from "node:test";
import { columnsFor, gridStep, rowsInSight } from "../../../cloud/dashboard/src/window_rows.ts";

test("rows in sight and four around them", () => {
  assert.deepEqual(rowsInSight(200, 800, 100, 1000), { first: 0, end: 10 });
  assert.deepEqual(rowsInSight(-5000, 800, 100, 1000), { first: 46, end: 62 });
  assert.deepEqual(rowsInSight(-5000, 800, 100, 3), { first: 3, end: 3 });
  assert.deepEqual(rowsInSight(0, 800, 100, 0), { first: 0, end: 0 });
});

test("columns that fit", () => {
  assert.equal(columnsFor(1200, 280, 12), 4);
  assert.equal(columnsFor(200, 280, 12), 1);
});

test("arrow keys stay in the grid", () => {
  assert.equal(gridStep("ArrowDown", 1, 4, 10), 5);
  assert.equal(gridStep("ArrowDown", 8, 4, 10), 9);
  assert.equal(gridStep("ArrowLeft", 0, 4, 10), 0);
  assert.equal(gridStep("End", 0, 4, 10), 9);
  assert.equal(gridStep("Enter", 0, 4, 10), undefined);
});
