// One chart: uPlot, a legend that tells the value at the cursor or the newest one, redrawn only while it is in sight.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { drawBands } from "./chart_bands.ts";
import { type ChartSpec, lonelyPoints, timeLabels, valueRange } from "./chart_plan.ts";
import { clockTime, quantity } from "./format.ts";
import type { Tracks } from "./tracks.ts";

const height = 150;
const colours = 8;
const dashes = [undefined, [6, 3], [2, 3], [9, 3, 2, 3]];

interface Props {
  spec: ChartSpec;
  tracks: () => Tracks;
  /** From and to in seconds. */
  bounds: () => [number, number];
  /** Counts up whenever tracks or bounds changed. */
  version: number;
  /** Changes with light and dark. */
  theme: number;
  onZoom: (fromMs: number, toMs: number) => void;
}

export const seriesColour = (i: number) => `var(--series-${(i % colours) + 1})`;

function options(spec: ChartSpec, props: () => Props, width: number, legend: (plot: uPlot) => void): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--muted"), font: "11px system-ui, sans-serif", ticks: { show: false },
    grid: { stroke: colour("--line"), width: 1 } };
  return {
    width,
    height,
    padding: [8, 16, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: "node" }, drag: { x: true, y: false, setScale: false }, points: { size: 6 }, y: false },
    scales: {
      x: { time: true, range: () => props().bounds() },
      y: { range: (_, min, max) => valueRange(spec.unit, min, max) },
    },
    axes: [
      { ...axis, space: 70, size: 26, values: (_, marks, __, ___, step) => timeLabels(marks, step) },
      { ...axis, space: 28, size: 62, values: (_, marks) => marks.map((v) => quantity(v, spec.unit)) },
    ],
    series: [{}, ...spec.series.map((_, i) => ({
      stroke: colour(`--series-${(i % colours) + 1}`),
      width: 1.5,
      dash: dashes[Math.floor(i / colours) % dashes.length],
      spanGaps: false,
      points: {
        show: false,
        size: 4,
        filter: (plot: uPlot, at: number) => {
          const [first, last] = plot.series[0].idxs ?? [0, 0];
          return lonelyPoints(plot.data[at], first, last);
        },
      },
    }))],
    hooks: {
      drawClear: [drawBands(() => props().tracks(), colour("--hatch"), colour("--muted"))],
      setCursor: [legend],
      setSelect: [(plot) => {
        const { left, width: span } = plot.select;
        if (span < 4) return;
        props().onZoom(plot.posToVal(left, "x") * 1000, plot.posToVal(left + span, "x") * 1000);
        plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      }],
    },
  };
}

export function Chart(props: Props) {
  const { spec, theme, version } = props;
  const box = useRef<HTMLDivElement>(null);
  const legend = useRef<HTMLUListElement>(null);
  const time = useRef<HTMLSpanElement>(null);
  const plot = useRef<uPlot>();
  const latest = useRef(props);
  latest.current = props;
  const inSight = useRef(false);
  const ids = spec.series.map((s) => s.id).join("\n");

  const data = () => {
    const tracks = latest.current.tracks();
    return [tracks.times, ...spec.series.map((s) => tracks.line(s.id))] as uPlot.AlignedData;
  };
  const tell = (at: uPlot) => {
    const index = at.cursor.idx;
    const tracks = latest.current.tracks();
    const cells = legend.current?.querySelectorAll("output") ?? [];
    spec.series.forEach((s, i) => {
      const value = tracks.valueAt(s.id, index ?? undefined);
      if (cells[i]) cells[i].textContent = quantity(value, spec.unit);
    });
    if (time.current) time.current.textContent = index == null || tracks.times[index] === undefined ? "" : clockTime(tracks.times[index] * 1000);
  };
  const draw = () => {
    if (!plot.current || !inSight.current) return;
    plot.current.setData(data());
    tell(plot.current);
  };

  useEffect(() => {
    const element = box.current!;
    const made = new uPlot(options(spec, () => latest.current, element.clientWidth, tell), data(), element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    const seen = new IntersectionObserver(([entry]) => {
      inSight.current = entry.isIntersecting;
      draw();
    }, { rootMargin: "200px" });
    seen.observe(element);
    tell(made);
    return () => {
      resized.disconnect();
      seen.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [ids, theme]);
  useEffect(draw, [version]);

  return (
    <figure class="chart">
      <figcaption><h3>{spec.title}</h3><span class="at" ref={time} aria-hidden="true" /></figcaption>
      <div ref={box} class="plot" aria-hidden="true" />
      <ul class={spec.series.length > 8 ? "legend long" : "legend"} role="list" ref={legend} aria-label={`${spec.title}, now`} tabIndex={spec.series.length > 8 ? 0 : undefined}>
        {spec.series.map((s, i) => (
          <li key={s.id} title={s.id}>
            <span class={`swatch dash-${Math.floor(i / colours) % dashes.length}`} style={{ borderColor: seriesColour(i) }} />
            <span class="label">{s.label}</span><output aria-live="off" />
          </li>
        ))}
      </ul>
    </figure>
  );
}
