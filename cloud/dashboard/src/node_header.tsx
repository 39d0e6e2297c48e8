// The head of a node's page: who it is and how it is now.
import { moment, quantity } from "./format.ts";
import { HealthBadge, Icon } from "./icons.tsx";
import { Bar } from "./meter.tsx";
import { BacklogLine, clockText, modelText, Presence, TrafficLine } from "./node_facts.tsx";
import { session } from "./session.ts";
import type { Problem, Summary } from "./types.ts";

function Fact({ name, value, unit, part }: { name: string; value: number | null; unit: string; part?: number | null }) {
  return <div><dt>{name}</dt><dd>{quantity(value, unit)}{part !== undefined && part !== null && <Bar part={part} />}</dd></div>;
}

/** One state of things may be a problem by several names: it is told once. */
function distinct(problems: Problem[]): Problem[] {
  const byMessage = new Map<string, Problem>();
  for (const p of problems) {
    const same = byMessage.get(p.message);
    byMessage.set(p.message, same ? { ...same, reason: `${same.reason}, ${p.reason}` } : p);
  }
  return [...byMessage.values()];
}

export function NodeHeader({ node }: { node: Summary }) {
  return (
    <header class={`node-head ${node.online ? node.health : "offline"}`}>
      <div class="title">
        <h1 tabIndex={-1}>{node.name}</h1>
        <HealthBadge health={node.health} />
        <Presence node={node} now={session.now()} />
      </div>
      <p class="model">{modelText(node)}{node.version && <span class="version">agent {node.version}</span>}
        {Object.entries(node.labels).map(([key, value]) => <span key={key} class="chip">{key}={value}</span>)}</p>
      {distinct(node.problems).map((p) => (
        <p key={p.message} class={`verdict ${p.severity}`}>
          <Icon sign={p.severity} /><span><strong>{p.reason}</strong> {p.message}{p.since_ms !== null && <span class="muted"> since {moment(p.since_ms, session.now())}</span>}</span>
        </p>
      ))}
      <dl class="now">
        {node.accelerators > 0 && <Fact name="Utilisation" value={node.utilization} unit="ratio" part={node.utilization} />}
        {node.accelerators > 0 && <Fact name="Accelerator memory" value={node.memory} unit="ratio" part={node.memory} />}
        <Fact name="CPU" value={node.cpu} unit="ratio" part={node.cpu} />
        <Fact name="RAM" value={node.ram} unit="ratio" part={node.ram} />
        <Fact name="Hottest" value={node.temperature} unit="celsius" part={node.temperature === null ? null : node.temperature / 100} />
        <Fact name="Power" value={node.power} unit="watts" />
        <div><BacklogLine node={node} /></div>
        <div><TrafficLine node={node} /></div>
        <Fact name="Round trip" value={node.link.rtt_s} unit="seconds" />
        <div><dt>Clock</dt><dd class={node.clock === "unsynchronized" ? "warning" : ""}>{clockText[node.clock]}</dd></div>
      </dl>
    </header>
  );
}
