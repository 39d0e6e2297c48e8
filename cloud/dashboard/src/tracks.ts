// The series of one node's charts: history as the relay told it, then live ticks behind it. What was not read
// is a gap (null), never a line drawn across.
import type { History, NodeUpdate } from "./types.ts";

export type Values = (number | null)[];

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
    tracks.times = history.times.map((t) => t / 1000);
    for (const series of history.series) tracks.values.set(series.id, series.values.slice());
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
