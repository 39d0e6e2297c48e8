// The tables of a node's page.
import type { ComponentChildren } from "preact";
import { EventList } from "./event_list.tsx";
import { count, duration, moment, quantity, unknown } from "./format.ts";
import { Icon, type Sign } from "./icons.tsx";
import { session } from "./session.ts";
import type { CollectorRow, Figures, FleetEvent, PodRow, ProcessRow } from "./types.ts";

function Section({ title, note, children }: { title: string; note?: string; children?: ComponentChildren }) {
  return <section class="table-card"><h2>{title}</h2>{note && <p class="hint">{note}</p>}{children}</section>;
}

interface TableProps {
  label: string;
  headings: [string, "figure" | ""][];
  rows: { key: string; cells: ComponentChildren[] }[];
}

function Table({ label, headings, rows }: TableProps) {
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label={label}>
      <table>
        <thead><tr>{headings.map(([name, kind]) => <th key={name} scope="col" class={kind}>{name}</th>)}</tr></thead>
        <tbody>
          {rows.map(({ key, cells }) => (
            <tr key={key}>{cells.map((cell, i) => <td key={headings[i][0]} class={headings[i][1]}>{cell}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Processes({ rows }: { rows: ProcessRow[] }) {
  if (rows.length === 0) return null;
  const sorted = [...rows].sort((a, b) => (b.memory_bytes ?? -1) - (a.memory_bytes ?? -1));
  return (
    <Section title="Processes on accelerators">
      <Table label="Processes" headings={[["Process", ""], ["PID", "figure"], ["Device", ""], ["Memory", "figure"]]}
        rows={sorted.map((r) => ({ key: `${r.pid} ${r.device}`, cells: [r.name, r.pid, r.device || unknown, quantity(r.memory_bytes, "bytes")] }))} />
    </Section>
  );
}

export function Pods({ rows }: { rows: PodRow[] }) {
  if (rows.length === 0) return null;
  return (
    <Section title="Pods">
      <Table label="Pods" headings={[["Pod", ""], ["Phase", ""], ["CPU", "figure"], ["Memory", "figure"], ["Restarts", "figure"]]}
        rows={rows.map((r) => ({
          key: `${r.namespace}/${r.name}`,
          cells: [<><span class="muted">{r.namespace}/</span>{r.name}</>, r.phase || unknown,
            r.cpu === null ? unknown : `${quantity(r.cpu * 1000, "").trim()} m`, quantity(r.memory_bytes, "bytes"), r.restarts ?? unknown],
        }))} />
    </Section>
  );
}

export function HealthHistory({ events }: { events: FleetEvent[] }) {
  return (
    <Section title="Health and presence" note={events.length === 0 ? "No change has been seen." : undefined}>
      <EventList events={events.slice(0, 50)} withNode={false} />
    </Section>
  );
}

const collectorSign: Record<CollectorRow["state"], Sign> = { ok: "ok", absent: "offline", failing: "critical" };
const collectorText = { ok: "reads", absent: "not on this node", failing: "fails" };

export function Collectors({ rows }: { rows: CollectorRow[] }) {
  if (rows.length === 0) return null;
  const weight = { failing: 0, ok: 1, absent: 2 };
  const sorted = [...rows].sort((a, b) => weight[a.state] - weight[b.state] || a.name.localeCompare(b.name));
  return (
    <Section title="Collectors">
      <Table label="Collectors" headings={[["Collector", ""], ["State", ""], ["Takes", "figure"]]}
        rows={sorted.map((r) => ({
          key: r.name,
          cells: [r.name, <span class="one-line wrap"><Icon sign={collectorSign[r.state]} />{r.message || collectorText[r.state]}</span>,
            quantity(r.duration_s, "seconds")],
        }))} />
    </Section>
  );
}

/** A figure of the buffer or the link by what its name says it is. */
export function figureText(key: string, value: unknown): string {
  if (value === null || value === undefined || value === "") return unknown;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value);
  if (key.endsWith("_ms")) return moment(value, session.now());
  if (/(^|_)bytes(_|$)/.test(key) || key === "bound") return quantity(value, "bytes");
  if (key.endsWith("_s") || key.endsWith("_seconds")) return value < 1 ? quantity(value, "seconds") : duration(value);
  if (key === "progress" || key.endsWith("_ratio")) return quantity(value, "ratio");
  return count(value);
}

const names: Record<string, string> = {
  rtt_s: "Round trip", rtt_seconds: "Round trip", l4t: "L4T", jetpack: "JetPack", cuda: "CUDA", cann: "CANN", os: "OS",
};
const words = (key: string) => {
  if (key in names) return names[key];
  const text = key.replace(/_(ms|s|seconds|total)$/, "").replace(/_/g, " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
};

export function Facts({ title, figures }: { title: string; figures: Figures }) {
  const rows = Object.entries(figures).flatMap(([key, value]): [string, string][] =>
    value !== null && typeof value === "object"
      ? Object.entries(value).map(([inner, v]) => [`${words(key)}: ${inner.replace(/_/g, " ")}`, figureText(inner, v)])
      : [[words(key), figureText(key, value)]]);
  if (rows.length === 0) return null;
  return (
    <Section title={title}>
      <dl class="figures">{rows.map(([name, text]) => <div key={name}><dt>{name}</dt><dd>{text}</dd></div>)}</dl>
    </Section>
  );
}
