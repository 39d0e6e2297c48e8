// Which stretch of time the charts of a node show; kept in the address.

export const presets = { "15m": 900, "1h": 3600, "6h": 21600, "24h": 86400, "7d": 604800 } as const;
export type Preset = keyof typeof presets;

/** A preset ends now and goes on; a stretch is history and stays. Both in ms. */
export type TimeRange = { preset: Preset } | { from: number; to: number };

export const isFixed = (range: TimeRange): range is { from: number; to: number } => "from" in range;

export function parseRange(address: string): TimeRange {
  const params = new URLSearchParams(address);
  const from = Number(params.get("from") ?? NaN);
  const to = Number(params.get("to") ?? NaN);
  if (Number.isFinite(from) && Number.isFinite(to) && from >= 0 && to > from) return { from, to };
  const preset = params.get("range");
  return { preset: preset !== null && Object.hasOwn(presets, preset) ? (preset as Preset) : "15m" };
}

export function formatRange(range: TimeRange): string {
  if (isFixed(range)) return `?from=${Math.round(range.from)}&to=${Math.round(range.to)}`;
  return range.preset === "15m" ? "" : `?range=${range.preset}`;
}

/** From and to in ms. */
export function bounds(range: TimeRange, nowMs: number): [number, number] {
  return isFixed(range) ? [range.from, range.to] : [nowMs - presets[range.preset] * 1000, nowMs];
}

/** The step to ask for: at most 900 points, and no finer than a second. */
export function stepSeconds(fromMs: number, toMs: number): number {
  const least = (toMs - fromMs) / 1000 / 900;
  const nice = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
  return nice.find((s) => s >= least) ?? Math.ceil(least / 3600) * 3600;
}
