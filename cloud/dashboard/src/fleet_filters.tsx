// Search, filters, order and view of the fleet.
import { useMemo } from "preact/hooks";
import { type FleetQuery, healthFilters, type SortKey, stateFilters } from "./fleet_query.ts";
import { kindName } from "./node_facts.tsx";
import { session } from "./session.ts";

const sortNames: Record<SortKey, string> = {
  attention: "Needs attention", name: "Name", kind: "Kind and model", utilization: "Utilisation", memory: "Memory",
  temperature: "Temperature", power: "Power", backlog: "Backlog", traffic: "Bytes today",
};
const healthNames: Record<string, string> = {
  problems: "With problems", critical: "Critical", warning: "Warning", ok: "Healthy", unknown: "Unknown",
};
const stateNames: Record<string, string> = { online: "Online", offline: "Offline", "catching-up": "Catching up" };

interface Props {
  query: FleetQuery;
  change: (changed: Partial<FleetQuery>) => void;
  found: number;
  all: number;
}

interface ChoiceProps {
  name: string;
  any: string;
  value: string;
  usual?: string;
  options: [string, string][];
  onChoose: (value: string) => void;
}

function Choice({ name, any, value, usual = "", options, onChoose }: ChoiceProps) {
  // A value from the address that no node has any more can still be seen and taken back.
  const known = value === "" || options.some(([option]) => option === value);
  return (
    <label class={value !== usual ? "choice set" : "choice"}>
      <span class="hidden">{name}</span>
      <select value={value} onChange={(e) => onChoose(e.currentTarget.value)}>
        {any && <option value="">{any}</option>}
        {options.map(([option, text]) => <option key={option} value={option}>{text}</option>)}
        {!known && <option value={value}>{value}</option>}
      </select>
    </label>
  );
}

export function FleetFilters({ query, change, found, all }: Props) {
  const { kinds, labels } = useMemo(() => session.fleet.choices(), [all]);
  return (
    <search class="filters">
      <label class="search">
        <span class="hidden">Search nodes</span>
        <input id="search" type="search" placeholder="Search name, model, label, problem" value={query.search}
          autocomplete="off" spellcheck={false} aria-keyshortcuts="/"
          onInput={(e) => change({ search: e.currentTarget.value })} />
        <kbd aria-hidden="true">/</kbd>
      </label>
      <Choice name="State" any="Any state" value={query.state} onChoose={(state) => change({ state })}
        options={stateFilters.map((s) => [s, stateNames[s]])} />
      <Choice name="Health" any="Any health" value={query.health} onChoose={(health) => change({ health })}
        options={healthFilters.map((h) => [h, healthNames[h]])} />
      {(kinds.length > 1 || query.kind) && <Choice name="Kind" any="Any kind" value={query.kind}
        onChoose={(kind) => change({ kind })} options={kinds.map((k) => [k, kindName(k)])} />}
      {(labels.length > 0 || query.label) && <Choice name="Label" any="Any label" value={query.label}
        onChoose={(label) => change({ label })} options={labels.map((l) => [l, l])} />}
      <Choice name="Order" any="" usual="attention" value={query.sort} onChoose={(sort) => change({ sort: sort as SortKey, reverse: false })}
        options={Object.entries(sortNames).map(([key, text]) => [key, `By ${text.toLowerCase()}`.replace("By needs attention", "Needs attention first")])} />
      <div class="views" role="group" aria-label="View">
        <button type="button" aria-pressed={query.view === "tiles"} onClick={() => change({ view: "tiles" })}>Tiles</button>
        <button type="button" aria-pressed={query.view === "rows"} onClick={() => change({ view: "rows" })}>Rows</button>
      </div>
      <p class="found" role="status">{found === all ? "" : `${found} of ${all} nodes`}</p>
    </search>
  );
}
