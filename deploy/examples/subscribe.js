// Prints the readings of all nodes: node subscribe.js [url].  Format: transport/FRAME.md.
const { decode } = require("@msgpack/msgpack");
const { decompress } = require("fzstd");
const mqtt = require("mqtt");

const schemas = new Map(); // "node/hash" -> schema message
let waiting = []; // frames whose schema is not there yet

const unpack = (payload) => decode(payload[0] === 0x28 ? decompress(payload) : payload);
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const sums = (numbers) => numbers.map(((sum) => (n) => (sum += n))(0));

function names(node, id) {
  const schema = schemas.get(`${node}/${hex(id)}`);
  if (!schema) return null;
  const own = schema.a.map(([name, , labels]) =>
    Object.keys(labels).length ? name + JSON.stringify(labels) : name);
  if (!schema.p) return own;
  const before = names(node, schema.p);
  return before && before.concat(own);
}

function* readings({ t, d, c, m, p }) { // [column, time in ms, value]
  const steps = [t[0]];
  for (let i = 1; i < t.length; i += 2) steps.push(...Array(t[i + 1]).fill(t[i]));
  const times = sums(steps);
  let at = 0;
  for (const [column, code] of c.entries()) {
    const form = code >> 4;
    if (form === 4) continue;
    const runs = p && p[column] ? m[p[column] - 1] : [times.length];
    const ends = sums(runs);
    const ticks = ends.flatMap((end, k) => (k % 2 ? [] : times.slice(end - runs[k], end)));
    const same = form === 1 || code === 0x31;
    let values = d.slice(at, (at += same ? 1 : ticks.length));
    if (same) values = Array(ticks.length).fill(values[0]);
    if (form === 2) values = [values[0], ...sums(values.slice(1))];
    if (form === 0 || form === 2) values = sums(values);
    const divisor = form === 3 ? 1 : Number(`1e${code & 15}`);
    for (const [k, value] of values.entries()) yield [column, ticks[k], value / divisor];
  }
}

function show({ node, frame }) {
  if (!frame.c.length) return true; // an agent asks a relay for the time
  const series = names(node, frame.i);
  if (!series) return false;
  for (const [column, time, value] of readings(frame)) {
    console.log(node, String(time), series[column], String(value), frame.h ? "history" : "live");
  }
  return true;
}

const client = mqtt.connect(process.argv[2] ?? "mqtt://localhost:1883");
client.on("connect", () => client.subscribe(["godwit/v1/+/schema/+", "godwit/v1/+/up"], { qos: 1 },
  () => console.error("subscribed")));
client.on("message", (topic, payload) => {
  const [, , node, kind, hash] = topic.split("/");
  if (kind === "schema") schemas.set(`${node}/${hash}`, unpack(payload));
  else waiting.push({ node, frame: unpack(payload) });
  waiting = waiting.filter((one) => !show(one));
});
