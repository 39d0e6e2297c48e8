// The fleet view: summary, filters, and the nodes as tiles or rows.
import { useMemo, useRef } from "preact/hooks";
import { FleetFilters } from "./fleet_filters.tsx";
import { everything, formatQuery, parseQuery, select, type FleetQuery, type SortKey } from "./fleet_query.ts";
import { FleetTable } from "./fleet_table.tsx";
import { FleetTiles } from "./fleet_tiles.tsx";
import { go, place } from "./router.ts";
import { seconds, session } from "./session.ts";
import { useSignal } from "./signal.ts";
import { SummaryStrip } from "./summary_strip.tsx";
import type { Summary } from "./types.ts";

/** While figures change every second, the order by them changes this often: what one reads should not jump. */
const reorderMs = 5000;
const restless: SortKey[] = ["utilization", "memory", "temperature", "power", "backlog", "traffic"];

/** The largest power of each kind of node, rounded up so that the bars do not breathe with every watt. */
function fullPower(nodes: Iterable<Summary>): Map<string, number> {
  const most = new Map<string, number>();
  for (const { kind, power } of nodes) most.set(kind, Math.max(most.get(kind) ?? 1, power ?? 0));
  for (const [kind, watts] of most) {
    const unit = 10 ** Math.floor(Math.log10(watts));
    most.set(kind, Math.ceil(watts / unit) * unit);
  }
  return most;
}

function useSelection(query: FleetQuery, version: number): Summary[] {
  const kept = useRef<{ key: string; atMs: number; place: Map<string, number> }>();
  return useMemo(() => {
    const { nodes, rank } = session.fleet;
    const found = select(nodes.values(), query, rank);
    if (!restless.includes(query.sort)) return found;
    const key = `${formatQuery(query)} ${found.length}`;
    const old = kept.current;
    if (old && old.key === key && Date.now() - old.atMs < reorderMs && found.every((n) => old.place.has(n.name))) {
      return found.sort((a, b) => old.place.get(a.name)! - old.place.get(b.name)!);
    }
    kept.current = { key, atMs: Date.now(), place: new Map(found.map((n, i) => [n.name, i])) };
    return found;
  }, [version, query]);
}

export function FleetPage() {
  const version = useSignal(session.fleetVersion);
  const { search } = useSignal(place);
  const tick = useSignal(seconds);
  const query = useMemo(() => parseQuery(search), [search]);
  const nodes = useSelection(query, version);
  const now = useMemo(() => session.now(), [Math.floor(tick / 10)]);
  const power = useMemo(() => fullPower(session.fleet.nodes.values()), [version]);
  const change = (changed: Partial<FleetQuery>) => go(`/${formatQuery({ ...query, ...changed })}`, true);
  const sortBy = (sort: SortKey) => change({ sort, reverse: sort === query.sort ? !query.reverse : false });

  if (version === 0) {
    return <main><h1 class="hidden" tabIndex={-1}>Fleet</h1><p class="empty" role="status">Asking the relay for its nodes…</p></main>;
  }
  const all = session.fleet.nodes.size;
  return (
    <main class="fleet">
      <h1 class="hidden" tabIndex={-1}>Fleet</h1>
      <SummaryStrip counts={session.fleet.counts()} query={query} change={change} />
      <FleetFilters query={query} change={change} found={nodes.length} all={all} />
      {all === 0 && (
        <div class="empty">
          <p>No node has been heard yet.</p>
          <p>A node appears here as soon as its <code>godwit-agent</code> reaches the broker; nothing is configured on this side.
            On the node, <code>godwit-agent doctor</code> says what keeps it from getting through.</p>
        </div>
      )}
      {all > 0 && nodes.length === 0 && (
        <div class="empty">
          <p>None of the {all} nodes matches.</p>
          <button type="button" onClick={() => change({ ...everything, view: query.view })}>Show all nodes</button>
        </div>
      )}
      {nodes.length > 0 && (query.view === "tiles"
        ? <FleetTiles nodes={nodes} fullPower={power} now={now} />
        : <FleetTable nodes={nodes} query={query} onSort={sortBy} fullPower={power} now={now} />)}
    </main>
  );
}
