// The stretch of time that the charts show: presets that go on, or a stretch of the past.
import { localInput } from "./format.ts";
import { bounds, formatRange, isFixed, type Preset, presets, type TimeRange } from "./time_range.ts";
import { go } from "./router.ts";
import { session } from "./session.ts";

export function RangePicker({ range }: { range: TimeRange }) {
  const show = (next: TimeRange) => go(location.pathname + formatRange(next));
  const [from, to] = bounds(range, session.now());
  const edit = (part: "from" | "to", text: string) => {
    const ms = new Date(text).getTime();
    const next = { from, to, [part]: ms };
    if (Number.isFinite(ms) && next.to > next.from) show(next);
  };
  return (
    <div class="range" role="group" aria-label="Time range">
      <div class="views">
        {(Object.keys(presets) as Preset[]).map((preset) => (
          <button key={preset} type="button" aria-pressed={!isFixed(range) && range.preset === preset}
            onClick={() => show({ preset })}>{preset.replace("m", " min").replace("h", " h").replace("d", " d")}</button>
        ))}
        <button type="button" aria-pressed={isFixed(range)} onClick={() => show({ from, to })}>From – to</button>
      </div>
      {isFixed(range) && (
        <div class="from-to">
          <label>From <input type="datetime-local" step="1" value={localInput(from)} onChange={(e) => edit("from", e.currentTarget.value)} /></label>
          <label>to <input type="datetime-local" step="1" value={localInput(to)} onChange={(e) => edit("to", e.currentTarget.value)} /></label>
        </div>
      )}
    </div>
  );
}
