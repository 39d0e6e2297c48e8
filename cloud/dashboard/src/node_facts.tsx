// What is said of a node in several places: presence, backlog, clock, traffic, its worst problem.
import { count, duration, moment, quantity, since } from "./format.ts";
import { Icon } from "./icons.tsx";
import { Bar } from "./meter.tsx";
import type { Problem, Summary } from "./types.ts";

const weight = { critical: 2, warning: 1, info: 0 };

export function worstProblem(node: Summary): Problem | undefined {
  return [...node.problems].sort((a, b) => weight[b.severity] - weight[a.severity])[0];
}

export function kindName(kind: string): string {
  return ({ jetson: "Jetson", ascend: "Ascend", gpu: "GPU node", host: "Host" } as Record<string, string>)[kind] ?? kind;
}

/** Model, or the kind when the model is not known. */
export function modelText(node: Summary): string {
  const model = node.model || kindName(node.kind);
  return node.accelerators > 1 ? `${node.accelerators} × ${model}` : model;
}

export function Presence({ node, now }: { node: Summary; now: number }) {
  const ago = node.since_ms === null ? "" : ` ${since(node.since_ms, now)}`;
  const title = node.since_ms === null ? undefined : `since ${moment(node.since_ms, now)}`;
  return node.online
    ? <span class="presence online" title={title}><span class="dot" />online{ago}</span>
    : <span class="presence offline" title={title}><Icon sign="offline" />offline{ago}</span>;
}

/** What waits at a node that is online is no backlog until it is old: readings of some seconds go together. */
export function isUpToDate(node: Summary): boolean {
  const { samples, ticks, age_s, catching_up } = node.backlog;
  if (samples === null && ticks === null) return false;
  return (samples ?? ticks) === 0 || (node.online && !catching_up && age_s === null);
}

/** "312 k samples, 5 min old", or ticks when samples are not known. */
export function backlogText(node: Summary): string {
  const { samples, ticks, age_s } = node.backlog;
  if (samples === null && ticks === null) return "not known";
  if (isUpToDate(node)) return "none";
  const amount = samples !== null ? `${count(samples)} samples` : `${count(ticks)} ticks`;
  return age_s === null ? amount : `${amount}, ${duration(age_s)} old`;
}

/** Without the age: "312 k". */
export function backlogShort(node: Summary): string {
  return isUpToDate(node) ? "none" : count(node.backlog.samples ?? node.backlog.ticks);
}

export function BacklogLine({ node }: { node: Summary }) {
  const { catching_up, progress, left_s } = node.backlog;
  if (!catching_up) return <><dt>Backlog</dt><dd class={isUpToDate(node) ? "quiet" : ""}>{backlogText(node)}</dd></>;
  const parts = [
    progress === null ? "" : quantity(progress, "ratio"),
    left_s === null ? "" : `${duration(left_s)} left`,
  ].filter(Boolean);
  return (
    <>
      <dt class="catching"><Icon sign="catching" />Catching up</dt>
      <dd title={backlogText(node)}>{parts.join(" · ") || backlogText(node)}<Bar part={progress} tone="info" /></dd>
    </>
  );
}

export function TrafficLine({ node }: { node: Summary }) {
  const { bytes_today, cap_bytes } = node.link;
  const part = bytes_today !== null && cap_bytes !== null && cap_bytes > 0 ? bytes_today / cap_bytes : null;
  const cap = cap_bytes === null ? "" : ` of ${quantity(cap_bytes, "bytes")}`;
  return (
    <>
      <dt>Today</dt>
      <dd title="Bytes over the link since midnight">
        {quantity(bytes_today, "bytes")}{cap}
        {part !== null && <Bar part={part} tone={part >= 0.9 ? "warning" : ""} />}
      </dd>
    </>
  );
}

export const clockText = {
  synchronized: "synchronised", unsynchronized: "not synchronised", unknown: "not known",
};

export function ClockSign({ node }: { node: Summary }) {
  if (node.clock !== "unsynchronized") return null;
  return <span class="chip" title="The node's clock is not synchronised; readings are dated by the relay's time">
    <Icon sign="clock" />clock not synchronised
  </span>;
}
