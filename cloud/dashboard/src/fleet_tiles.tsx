// The fleet as tiles. Only those in sight exist; the arrow keys lead from tile to tile.
import { memo } from "preact/compat";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { moment } from "./format.ts";
import { HealthBadge, Icon } from "./icons.tsx";
import { Meter } from "./meter.tsx";
import { BacklogLine, ClockSign, modelText, Presence, TrafficLine, worstProblem } from "./node_facts.tsx";
import { nodeAddress } from "./routes.ts";
import type { Summary } from "./types.ts";
import { useRowsInSight, useWidth } from "./use_window.ts";
import { columnsFor, gridStep } from "./window_rows.ts";

const tileHeight = 218;
const tileLeast = 280;
const tileGap = 12;

interface TileProps {
  node: Summary;
  index: number;
  count: number;
  tab: boolean;
  fullPower: number;
  /** Changes every 10 s, so that "online 3 min" does. */
  now: number;
}

export const Tile = memo(function Tile({ node, index, count, tab, fullPower, now }: TileProps) {
  const state = node.online ? node.health : "offline";
  return (
    <li class={`tile ${state}`} aria-setsize={count} aria-posinset={index + 1}>
      <div class="tile-head">
        <h2><a href={nodeAddress(node.name)} data-index={index} tabIndex={tab ? 0 : -1} title={node.name}>{node.name}</a></h2>
        <Presence node={node} now={now} />
      </div>
      <p class="model">{modelText(node)}<ClockSign node={node} /></p>
      <dl class="meters">
        <Meter label="Use" title={node.accelerators > 0 ? "Accelerator utilisation, mean" : "CPU utilisation"}
          value={node.accelerators > 0 ? node.utilization : node.cpu} unit="ratio" full={1} />
        <Meter label="Mem" title={node.accelerators > 0 && node.memory !== null ? "Accelerator memory in use" : "Memory in use"}
          value={node.memory ?? node.ram} unit="ratio" full={1} />
        <Meter label="Temp" title="Hottest sensor" value={node.temperature} unit="celsius" full={100} />
        <Meter label="Power" title="Power, all together" value={node.power} unit="watts" full={fullPower} />
      </dl>
      <dl class="lines"><div><BacklogLine node={node} /></div><div><TrafficLine node={node} /></div></dl>
      <p class={`verdict ${node.health}`}><Verdict node={node} now={now} /></p>
    </li>
  );
});

/** The worst problem; else, of a node that is gone, from when its figures are. */
function Verdict({ node, now }: { node: Summary; now: number }) {
  const problem = worstProblem(node);
  if (problem) return <><Icon sign={node.health} /><span title={problem.message}>{problem.message || problem.reason}</span></>;
  if (node.online || node.heard_ms === null) return <HealthBadge health={node.health} />;
  return <span class="muted">Figures of {moment(node.heard_ms, now)}</span>;
}

interface TilesProps {
  nodes: Summary[];
  fullPower: Map<string, number>;
  now: number;
}

export function FleetTiles({ nodes, fullPower, now }: TilesProps) {
  const list = useRef<HTMLDivElement>(null);
  const width = useWidth(list);
  const columns = columnsFor(width, Math.min(tileLeast, width), tileGap);
  const rowHeight = tileHeight + tileGap;
  const rowCount = Math.ceil(nodes.length / columns);
  const rows = useRowsInSight(list, rowHeight, rowCount);
  const [active, setActive] = useState(0);
  const wanted = useRef<number | null>(null);

  const first = rows.first * columns;
  const end = Math.min(nodes.length, rows.end * columns);
  // Someone who tabs into the list gets to a tile that exists.
  const tab = active >= first && active < end ? active : first;

  useLayoutEffect(() => {
    if (wanted.current === null) return;
    const link = list.current?.querySelector<HTMLElement>(`a[data-index="${wanted.current}"]`);
    if (!link) return;
    wanted.current = null;
    link.focus({ preventScroll: true });
    link.closest("li")?.scrollIntoView({ block: "nearest" });
  });

  const onKeyDown = (event: KeyboardEvent) => {
    const index = Number((event.target as HTMLElement).dataset.index ?? NaN);
    if (Number.isNaN(index) || event.metaKey || event.ctrlKey || event.altKey) return;
    const to = gridStep(event.key, index, columns, nodes.length);
    if (to === undefined) return;
    event.preventDefault();
    wanted.current = to;
    setActive(to);
    const row = Math.floor(to / columns);
    if (row < rows.first || row >= rows.end) {
      const top = list.current!.getBoundingClientRect().top + scrollY;
      scrollTo(0, top + row * rowHeight - innerHeight / 2);
    }
  };

  return (
    <div class="tiles" ref={list} onKeyDown={onKeyDown}
      style={{ height: `${Math.max(0, rowCount * rowHeight - tileGap)}px` }}>
      <ul class="tiles-window" role="list" aria-label="Nodes"
        style={{ transform: `translateY(${rows.first * rowHeight}px)`, gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>
        {nodes.slice(first, end).map((node, i) => (
          <Tile key={node.name} node={node} index={first + i} count={nodes.length} tab={first + i === tab}
            fullPower={fullPower.get(node.kind) ?? 1} now={now} />
        ))}
      </ul>
    </div>
  );
}
