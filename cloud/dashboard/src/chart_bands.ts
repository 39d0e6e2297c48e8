// Draws, under a chart's lines, which stretches came later (hatched) and which were thinned (dotted).
import type uPlot from "uplot";
import type { Tracks } from "./tracks.ts";

function hatch(colour: string): CanvasPattern | string {
  const size = Math.round(8 * devicePixelRatio);
  const tile = document.createElement("canvas");
  tile.width = tile.height = size;
  const ctx = tile.getContext("2d");
  if (!ctx) return "transparent";
  ctx.strokeStyle = colour;
  ctx.lineWidth = devicePixelRatio;
  ctx.beginPath();
  for (const shift of [-size, 0, size]) {
    ctx.moveTo(shift, size);
    ctx.lineTo(shift + size, 0);
  }
  ctx.stroke();
  return ctx.createPattern(tile, "repeat") ?? "transparent";
}

/** A hook for drawClear. `tracks` tells the spans of the moment. */
export function drawBands(tracks: () => Tracks, backfilled: string, thinned: string): (plot: uPlot) => void {
  const pattern = hatch(backfilled);
  return (plot) => {
    const { ctx, bbox } = plot;
    const now = tracks();
    const clamp = (t: number) => Math.min(bbox.left + bbox.width, Math.max(bbox.left, plot.valToPos(t, "x", true)));
    ctx.save();
    ctx.fillStyle = pattern;
    for (const [from, to] of now.backfilled) {
      const [a, b] = [clamp(from), clamp(to)];
      if (b > a) ctx.fillRect(a, bbox.top, b - a, bbox.height);
    }
    ctx.strokeStyle = thinned;
    ctx.lineWidth = 3 * devicePixelRatio;
    ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    const y = bbox.top + bbox.height - 2 * devicePixelRatio;
    for (const [from, to] of now.thinned) {
      const [a, b] = [clamp(from), clamp(to)];
      if (b <= a) continue;
      ctx.beginPath();
      ctx.moveTo(a, y);
      ctx.lineTo(b, y);
      ctx.stroke();
    }
    ctx.restore();
  };
}
