// Which readings of a node share a chart: those of one device or group that have one unit.
import type { Device, Reading } from "./types.ts";

export interface ChartSpec {
  title: string;
  unit: string;
  series: { id: string; label: string }[];
}

const unitTitles: Record<string, string> = {
  ratio: "Utilisation", celsius: "Temperature", watts: "Power", volts: "Voltage", amperes: "Current", bytes: "Memory",
  hertz: "Clocks", bytes_per_second: "Throughput", seconds: "Time", rpm: "Speed", joules: "Energy",
};
const order = ["ratio", "celsius", "watts", "bytes", "bytes_per_second", "hertz", "volts", "amperes", "rpm"];
const natural = new Intl.Collator("en", { numeric: true });
const place = (unit: string) => (order.includes(unit) ? order.indexOf(unit) : order.length);

/** The charts of some readings. `alone`: the title when all of them have one unit. */
export function planCharts(readings: Reading[], alone?: string): ChartSpec[] {
  const byUnit = new Map<string, ChartSpec>();
  for (const reading of readings) {
    if (!reading.chart) continue;
    let spec = byUnit.get(reading.unit);
    if (!spec) {
      spec = { title: unitTitles[reading.unit] ?? "Others", unit: reading.unit, series: [] };
      byUnit.set(reading.unit, spec);
    }
    spec.series.push({ id: reading.id, label: reading.label });
  }
  const specs = [...byUnit.values()].sort((a, b) => place(a.unit) - place(b.unit));
  // The same order, and so the same colours, however the relay lists them.
  for (const spec of specs) spec.series.sort((a, b) => natural.compare(a.label, b.label) || natural.compare(a.id, b.id));
  for (const spec of specs) if (spec.title === "Others" && spec.series.length === 1) spec.title = spec.series[0].label;
  if (alone !== undefined && specs.length === 1) specs[0].title = alone;
  return specs;
}

/** "0-1" of "npu/0-1". */
export const deviceNumber = (device: Device) => device.id.replace(/^.*\//, "");

/** The same reading of several devices in one chart: which of them stands out. */
export function compareDevices(devices: Device[]): ChartSpec[] {
  const byReading = new Map<string, ChartSpec>();
  for (const device of devices) {
    for (const { chart, metric, label, unit, id } of device.readings) {
      if (!chart) continue;
      const key = `${metric} ${label}`;
      const spec = byReading.get(key) ?? { title: label, unit, series: [] };
      spec.series.push({ id, label: `#${deviceNumber(device)}` });
      byReading.set(key, spec);
    }
  }
  return [...byReading.values()].filter((s) => s.series.length > 1).sort((a, b) => place(a.unit) - place(b.unit));
}

/** Readings that are told as figures: everything without a chart. */
export function figuresOf(readings: Reading[]): Reading[] {
  return readings.filter((reading) => !reading.chart).sort((a, b) => natural.compare(a.label, b.label));
}

/** Labels for an axis of time whose marks are `step` seconds apart. */
export function timeLabels(marks: number[], step: number): string[] {
  const pad = (n: number) => String(n).padStart(2, "0");
  return marks.map((mark, i) => {
    const d = new Date(mark * 1000);
    const date = `${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;
    if (step >= 86400) return date;
    const time = `${pad(d.getHours())}:${pad(d.getMinutes())}`;
    if (step < 60) return `${time}:${pad(d.getSeconds())}`;
    return i > 0 && d.getHours() === 0 && d.getMinutes() === 0 ? date : time;
  });
}

/** The y axis: shares from 0 to 1; temperatures and voltages around what there is; everything else from 0. */
export function valueRange(unit: string, min: number | null, max: number | null): [number, number] {
  if (unit === "ratio") return [0, Math.max(1, max ?? 1)];
  if (min === null || max === null || !Number.isFinite(min) || !Number.isFinite(max)) return [0, 1];
  if (unit === "celsius" || unit === "volts") {
    const room = Math.max((max - min) * 0.1, unit === "celsius" ? 2 : 0.1);
    return [min - room, max + room];
  }
  return [Math.min(0, min * 1.08), max > 0 ? max * 1.08 : 1];
}

/** Indexes of points with a gap on either side: a line would not show them. */
export function lonelyPoints(values: ArrayLike<number | null | undefined>, first: number, last: number): number[] {
  const found: number[] = [];
  const isGap = (i: number, step: number) => {
    while (values[i] === undefined && i >= 0 && i < values.length) i += step;
    return values[i] == null;
  };
  for (let i = first; i <= last; ++i) {
    if (values[i] != null && isGap(i - 1, -1) && isGap(i + 1, 1)) found.push(i);
  }
  return found;
}
