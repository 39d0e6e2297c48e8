// The fleet as a table; its headings sort. Only the rows in sight exist.
import { memo } from "preact/compat";
import { useRef } from "preact/hooks";
import type { FleetQuery, SortKey } from "./fleet_query.ts";
import { quantity } from "./format.ts";
import { healthText, Icon } from "./icons.tsx";
import { Bar } from "./meter.tsx";
import { backlogShort, backlogText, modelText, Presence, worstProblem } from "./node_facts.tsx";
import { nodeAddress } from "./routes.ts";
import type { Summary } from "./types.ts";
import { useRowsInSight } from "./use_window.ts";

const rowHeight = 41;
const columns: { title: string; sort: SortKey; className?: string }[] = [
  { title: "Node", sort: "name" },
  { title: "Health", sort: "attention" },
  { title: "Model", sort: "kind", className: "wide" },
  { title: "Use", sort: "utilization", className: "figure" },
  { title: "Mem", sort: "memory", className: "figure" },
  { title: "Temp", sort: "temperature", className: "figure" },
  { title: "Power", sort: "power", className: "figure middle" },
  { title: "Backlog", sort: "backlog", className: "middle" },
  { title: "Today", sort: "traffic", className: "figure wide" },
];

function Figure({ value, unit, part }: { value: number | null; unit: string; part: number | null }) {
  return <>{quantity(value, unit)}<Bar part={part} /></>;
}

interface RowProps {
  node: Summary;
  index: number;
  now: number;
  fullPower: number;
}

const Row = memo(function Row({ node, index, now, fullPower }: RowProps) {
  const problem = worstProblem(node);
  const use = node.accelerators > 0 ? node.utilization : node.cpu;
  const memory = node.memory ?? node.ram;
  const { catching_up, progress } = node.backlog;
  return (
    <tr aria-rowindex={index + 2} class={node.online ? node.health : "offline"}>
      <th scope="row"><a href={nodeAddress(node.name)}>{node.name}</a><Presence node={node} now={now} /></th>
      <td class={`health ${node.health}`}>
        <span class="one-line" title={problem?.message}>
          <Icon sign={node.health} /><span>{problem ? problem.message || problem.reason : healthText[node.health]}</span>
        </span>
      </td>
      <td class="wide">{modelText(node)}</td>
      <td class="figure"><Figure value={use} unit="ratio" part={use} /></td>
      <td class="figure"><Figure value={memory} unit="ratio" part={memory} /></td>
      <td class="figure"><Figure value={node.temperature === null ? null : Math.round(node.temperature)} unit="celsius" part={node.temperature === null ? null : node.temperature / 100} /></td>
      <td class="figure middle"><Figure value={node.power} unit="watts" part={node.power === null ? null : node.power / fullPower} /></td>
      <td class="middle"><span class="one-line" title={backlogText(node)}>{catching_up && <Icon sign="catching" />}<span>{catching_up ? `catching up ${quantity(progress, "ratio")}` : backlogShort(node)}</span></span></td>
      <td class="figure wide">{quantity(node.link.bytes_today, "bytes")}</td>
    </tr>
  );
});

interface TableProps {
  nodes: Summary[];
  query: FleetQuery;
  onSort: (sort: SortKey) => void;
  fullPower: Map<string, number>;
  now: number;
}

export function FleetTable({ nodes, query, onSort, fullPower, now }: TableProps) {
  const body = useRef<HTMLTableSectionElement>(null);
  const rows = useRowsInSight(body, rowHeight, nodes.length);
  const natural = (sort: SortKey) => (sort === "name" || sort === "kind") !== query.reverse;
  const direction = (sort: SortKey) =>
    query.sort !== sort ? undefined : natural(sort) ? "ascending" : "descending";
  const spacer = (count: number, key: string) =>
    count > 0 && <tr key={key} class="spacer" aria-hidden="true" style={{ height: `${count * rowHeight}px` }}><td /></tr>;
  return (
    <table class="fleet-table" aria-rowcount={nodes.length + 1}>
      <caption class="hidden">Nodes of the fleet</caption>
      <thead>
        <tr aria-rowindex={1}>
          {columns.map(({ title, sort, className }) => (
            <th key={sort} scope="col" class={className} aria-sort={direction(sort)}>
              <button type="button" onClick={() => onSort(sort)}>
                {title}{query.sort === sort && <span class="arrow" aria-hidden="true">{natural(sort) ? "↑" : "↓"}</span>}
              </button>
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={body}>
        {spacer(rows.first, "above")}
        {nodes.slice(rows.first, rows.end).map((node, i) => (
          <Row key={node.name} node={node} index={rows.first + i} now={now} fullPower={fullPower.get(node.kind) ?? 1} />
        ))}
        {spacer(nodes.length - rows.end, "below")}
      </tbody>
    </table>
  );
}
