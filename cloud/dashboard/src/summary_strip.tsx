// The fleet in five figures; each shows its nodes.
import type { FleetQuery } from "./fleet_query.ts";
import type { Counts } from "./fleet_state.ts";
import { Icon, type Sign } from "./icons.tsx";

interface Props {
  counts: Counts;
  query: FleetQuery;
  change: (changed: Partial<FleetQuery>) => void;
}

export function SummaryStrip({ counts, query, change }: Props) {
  const figure = (title: string, value: number, sign: Sign | undefined, state: string, health: string) => {
    const on = query.state === state && query.health === health;
    return (
      <li key={title}>
        <button type="button" class={`figure-button ${value > 0 && sign ? sign : "quiet"}`} aria-pressed={on}
          onClick={() => change(on ? { state: "", health: "" } : { state, health })}>
          <span class="value">{value > 0 && sign && <Icon sign={sign} />}{value}</span>
          <span class="name">{title}</span>
        </button>
      </li>
    );
  };
  return (
    <ul class="summary" role="list" aria-label="Summary of the fleet">
      {figure(counts.nodes === 1 ? "node" : "nodes", counts.nodes, undefined, "", "")}
      {figure("online", counts.online, undefined, "online", "")}
      {figure("offline", counts.offline, "offline", "offline", "")}
      {figure("critical", counts.critical, "critical", "", "critical")}
      {figure("warning", counts.warning, "warning", "", "warning")}
      {figure("catching up", counts.catchingUp, "catching", "catching-up", "")}
    </ul>
  );
}
