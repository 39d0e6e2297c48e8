import assert from "node:assert/strict";
import test from "node:test";
import { count, duration, localInput, moment, number, quantity, since } from "../../../cloud/dashboard/src/format.ts";

const plain = (text: string) => text.replace(/\u00a0/g, " ");

test("what is not known is a dash, never 0", () => {
  for (const value of [null, undefined, NaN, Infinity]) assert.equal(quantity(value, "watts"), "–");
  assert.equal(duration(null), "–");
  assert.equal(count(null), "–");
  assert.equal(moment(null, 0), "–");
  assert.equal(plain(quantity(0, "watts")), "0 W");
});

test("quantities have three digits and a unit of fitting size", () => {
  const cases: [number, string, string][] = [
    [0.424, "ratio", "42 %"], [1, "ratio", "100 %"], [0.0123, "ratio", "1.2 %"], [0.05, "ratio", "5 %"], [0, "ratio", "0 %"],
    [0.0999, "ratio", "10 %"],
    [61.25, "celsius", "61.3 °C"], [-4, "celsius", "-4 °C"], [104.6, "celsius", "105 °C"],
    [12.437, "watts", "12.4 W"], [0.35, "watts", "350 mW"], [1530, "watts", "1.53 kW"],
    [999.7, "bytes", "1 kB"], [31_200_000_000, "bytes", "31.2 GB"], [17, "bytes", "17 B"],
    [1_377_600_000, "hertz", "1.38 GHz"], [19.04, "volts", "19 V"], [0.78, "volts", "780 mV"],
    [0.0231, "seconds", "23.1 ms"], [75, "seconds", "1 min 15 s"], [2400, "rpm", "2400 rpm"],
    [7, "", "7"], [12_345, "", "12.3 k"],
  ];
  for (const [value, unit, text] of cases) assert.equal(plain(quantity(value, unit)), text, `${value} ${unit}`);
});

test("numbers keep no zeros behind the point and take no exponent", () => {
  assert.equal(number(0.5), "0.5");
  assert.equal(number(100), "100");
  assert.equal(number(1e-9), "0");
  assert.equal(number(1234.5), "1235");
});

test("counts", () => {
  assert.equal(count(950), "950");
  assert.equal(plain(count(12_400)), "12.4 k");
  assert.equal(plain(count(3_130_000)), "3.13 M");
});

test("durations show their two largest parts", () => {
  const cases: [number, string][] = [
    [0.4, "0 s"], [59.4, "59 s"], [60, "1 min"], [190, "3 min 10 s"], [720, "12 min"], [3600, "1 h"], [12_000, "3 h 20 min"],
    [86_400 * 5 + 4 * 3600, "5 d 4 h"], [-3, "0 s"],
  ];
  for (const [seconds, text] of cases) assert.equal(plain(duration(seconds)), text);
  assert.equal(plain(since(1000, 61_000)), "1 min");
});

test("a moment of another day has its date", () => {
  const noon = new Date(2026, 4, 9, 12, 3, 4).getTime();
  assert.equal(moment(noon, noon + 60_000), "12:03:04");
  assert.equal(moment(noon, noon + 86_400_000), "2026-05-09 12:03:04");
  assert.equal(new Date(localInput(noon)).getTime(), noon);
});
