// The series of one node's charts: history as the relay told it, then live ticks behind it. What was not read
// is a gap (null), never a line drawn across.
import type { History, NodeUpdate } from "./types.ts";

export type Values = (number | null)[];
/** As uPlot has it: null is a gap, undefined is no point and the line goes on. */
export type Line = (number | null | undefined)[];

/** A hole is a gap when it is longer than so many ticks. */
export const gapTicks = 2.5;
const minGapS = 2.5;
/** More points than any range has; only a page left open for long comes near. */
export const maxPoints = 4000;

export class Tracks {
  times: number[] = []; // seconds since 1970, ascending
  readonly values = new Map<string, Values>();
  backfilled: [number, number][] = []; // seconds
  thinned: [number, number, number][] = []; // seconds, step
  private tick = 1;

  static fromHistory(history: History): Tracks {
    const tracks = new Tracks();
    // The last moments are often not stored yet: that is no gap, live ticks go on from what is there.
    let end = history.times.length;
    while (end > 0 && history.series.every((s) => s.values[end - 1] == null)) --end;
    tracks.times = history.times.slice(0, end).map((t) => t / 1000);
    for (const series of history.series) tracks.values.set(series.id, series.values.slice(0, end));
    tracks.backfilled = history.backfilled.map(([from, to]) => [from / 1000, to / 1000]);
    tracks.thinned = history.thinned.map(([from, to, step]) => [from / 1000, to / 1000, step]);
    tracks.tick = usualStep(tracks.times) ?? history.step_s;
    return tracks;
  }

  /** A live tick. One that is not newer than what is there says nothing new. */
  append(update: NodeUpdate): boolean {
    const time = update.time_ms / 1000;
    const last = this.times[this.times.length - 1];
    if (last !== undefined) {
      if (time <= last) return false;
      if (time - last > Math.max(minGapS, gapTicks * this.tick)) this.push(last + this.tick, {});
    }
    this.push(time, update.values);
    if (this.times.length % 16 === 0) this.tick = usualStep(this.times.slice(-32)) ?? this.tick;
    return true;
  }

  /** Lets go of what is older than `from` (seconds); one point before it stays, so that lines reach the edge. */
  trim(from: number): void {
    let drop = Math.max(0, this.times.length - maxPoints);
    while (drop < this.times.length - 1 && this.times[drop + 1] <= from) ++drop;
    if (drop === 0) return;
    this.times.splice(0, drop);
    for (const values of this.values.values()) values.splice(0, drop);
    this.backfilled = this.backfilled.filter(([, to]) => to > from);
    this.thinned = this.thinned.filter(([, to]) => to > from);
  }

  /** The values of a series, or only gaps when nothing is known of it. */
  of(id: string): Values {
    return this.values.get(id) ?? new Array<null>(this.times.length).fill(null);
  }

  /** As it is drawn. A collector may have a longer period than the node's ticks: holes of its own step are none. */
  line(id: string): Line {
    const line: Line = this.of(id).slice();
    const longest = this.patience(id);
    let last = -1;
    for (let i = 0; i < line.length; ++i) {
      if (line[i] === null) continue;
      if (last >= 0 && i - last > 1 && this.times[i] - this.times[last] <= longest) line.fill(undefined, last + 1, i);
      last = i;
    }
    return line;
  }

  /** The value that held at a point; the newest one without `index`. null once it is too old. */
  valueAt(id: string, index = this.times.length - 1): number | null {
    const values = this.of(id);
    const longest = this.patience(id);
    for (let i = index; i >= 0 && this.times[index] - this.times[i] <= longest; --i) {
      if (values[i] !== null) return values[i];
    }
    return null;
  }

  /** How long a hole in a series may be without being a gap, seconds. */
  private patience(id: string): number {
    const values = this.of(id);
    const recent: number[] = [];
    for (let i = values.length - 1; i >= 0 && recent.length < 64; --i) if (values[i] !== null) recent.push(this.times[i]);
    return Math.max(minGapS, gapTicks * (usualStep(recent.reverse()) ?? this.tick));
  }

  private push(time: number, values: Record<string, number | null>): void {
    this.times.push(time);
    for (const [id, track] of this.values) track.push(values[id] ?? null);
    for (const id of Object.keys(values)) {
      if (this.values.has(id)) continue;
      const track: Values = new Array<null>(this.times.length).fill(null);
      track[track.length - 1] = values[id];
      this.values.set(id, track);
    }
  }
}

/** The median step, or nothing when there are too few points to tell. */
export function usualStep(times: number[]): number | undefined {
  if (times.length < 4) return undefined;
  const steps = times.slice(1).map((t, i) => t - times[i]).sort((a, b) => a - b);
  return steps[steps.length >> 1];
}
