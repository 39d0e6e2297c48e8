import assert from "node:assert/strict";
import test from "node:test";
import { EventParser, maxEventChars } from "../../../cloud/dashboard/src/sse.ts";

const text = 'retry: 2000\n\nevent: hello\ndata: {"a":1}\n\n: still here\n\nevent: log\r\ndata: one\r\ndata: two\r\n\r\ndata:x\n\n';
const events = [{ type: "hello", data: '{"a":1}' }, { type: "log", data: "one\ntwo" }, { type: "message", data: "x" }];

test("events come out whole, however the stream is cut", () => {
  for (let size = 1; size <= text.length; ++size) {
    const parser = new EventParser();
    const found = [];
    for (let at = 0; at < text.length; at += size) found.push(...parser.push(text.slice(at, at + size)));
    assert.deepEqual(found, events, `in pieces of ${size}`);
  }
});

test("an event without end is refused, not kept", () => {
  const parser = new EventParser();
  const line = `data: ${"x".repeat(1 << 20)}\n`;
  assert.throws(() => {
    for (let sent = 0; sent <= maxEventChars; sent += 1 << 20) parser.push(line);
  }, /too large/);
  const endless = new EventParser();
  assert.throws(() => endless.push("x".repeat(maxEventChars + 1)), /too large/);
});
