// Figures and times as a person reads them. Unknown is an en dash, never 0.

export const unknown = "–";
const gap = "\u00a0";

/** Three significant digits, no exponent, no trailing zeros after the point beyond what was asked. */
export function number(value: number, digits = 3): string {
  if (value === 0) return "0";
  const whole = Math.floor(Math.log10(Math.abs(value))) + 1;
  const decimals = Math.min(6, Math.max(0, digits - Math.max(1, whole)));
  return value.toFixed(decimals).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
}

function scaled(value: number, unit: string, steps: string[], base = 1000): string {
  let step = 0;
  while (Math.abs(value) >= base * 0.9995 && step + 1 < steps.length) {
    value /= base;
    ++step;
  }
  return number(value) + gap + steps[step] + unit;
}

const large = ["", "k", "M", "G", "T", "P"];

/** A value with its unit; the units are those of the metric table (ratio, celsius, watts, bytes, …). */
export function quantity(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return unknown;
  switch (unit) {
    case "ratio": return `${(value * 100).toFixed(Math.abs(value) < 0.0995 && value !== 0 ? 1 : 0).replace(/\.0$/, "")}${gap}%`;
    case "celsius": return `${value.toFixed(Math.abs(value) < 100 ? 1 : 0).replace(/\.0$/, "")}${gap}°C`;
    case "watts": return Math.abs(value) < 1 && value !== 0 ? `${number(value * 1000)}${gap}mW` : scaled(value, "W", large);
    case "volts": return Math.abs(value) < 1 && value !== 0 ? `${number(value * 1000)}${gap}mV` : `${number(value)}${gap}V`;
    case "amperes": return Math.abs(value) < 1 && value !== 0 ? `${number(value * 1000)}${gap}mA` : `${number(value)}${gap}A`;
    case "joules": return scaled(value, "J", large);
    case "bytes": return scaled(value, "B", large);
    case "bytes_per_second": return scaled(value, "B/s", large);
    case "hertz": return scaled(value, "Hz", large);
    case "seconds": return Math.abs(value) < 1 && value !== 0 ? `${number(value * 1000)}${gap}ms` : duration(value);
    case "rpm": return `${Math.round(value)}${gap}rpm`;
    default: return Math.abs(value) < 10000 ? number(value, 4) : scaled(value, "", large).trimEnd();
  }
}

/** A count: 950, 12.4 k, 3.1 M. */
export function count(value: number | null): string {
  if (value === null) return unknown;
  return value < 1000 ? String(Math.round(value)) : scaled(value, "", large);
}

/** 4 s, 12 min, 3 h 20 min, 5 d 4 h: the two largest parts. */
export function duration(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return unknown;
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s}${gap}s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 10) return two(minutes, "min", s % 60, "s");
  if (minutes < 60) return `${minutes}${gap}min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return two(hours, "h", minutes % 60, "min");
  return two(Math.floor(hours / 24), "d", hours % 24, "h");
}

function two(a: number, unitA: string, b: number, unitB: string): string {
  return b === 0 ? `${a}${gap}${unitA}` : `${a}${gap}${unitA}${gap}${b}${gap}${unitB}`;
}

const pad = (n: number, width = 2) => String(n).padStart(width, "0");

/** hh:mm:ss in the reader's time zone. */
export function clockTime(ms: number): string {
  const d = new Date(ms);
  return `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
}

/** yyyy-mm-dd in the reader's time zone. */
export function day(ms: number): string {
  const d = new Date(ms);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;
}

/** hh:mm:ss today, else with the date. */
export function moment(ms: number | null, nowMs: number): string {
  if (ms === null) return unknown;
  return day(ms) === day(nowMs) ? clockTime(ms) : `${day(ms)} ${clockTime(ms)}`;
}

/** What an <input type="datetime-local"> takes. */
export function localInput(ms: number): string {
  return `${day(ms)}T${clockTime(ms)}`;
}

/** How long ago, rounded so that it does not change every second once it is old. */
export function since(ms: number | null, nowMs: number): string {
  return ms === null ? unknown : duration((nowMs - ms) / 1000);
}
