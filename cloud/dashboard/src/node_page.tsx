// One node: how it is, its charts, and everything else that the relay knows of it.
import { useEffect, useMemo, useState } from "preact/hooks";
import { Chart } from "./chart.tsx";
import { type ChartSpec, compareDevices, deviceNumber, figuresOf, planCharts } from "./chart_plan.ts";
import { day, duration, quantity } from "./format.ts";
import { HealthBadge } from "./icons.tsx";
import { NodeHeader } from "./node_header.tsx";
import { type NodeState, useNode } from "./node_state.ts";
import { Collectors, Facts, HealthHistory, Pods, Processes } from "./node_tables.tsx";
import { RangePicker } from "./range_picker.tsx";
import { fleetSearch, go, place } from "./router.ts";
import { session } from "./session.ts";
import { useSignal } from "./signal.ts";
import { formatRange, isFixed, parseRange } from "./time_range.ts";
import type { Device, Group, NodeDetail, Reading } from "./types.ts";

/** Counts up when light and dark change: a canvas does not follow the style sheet by itself. */
function useThemeChanges(): number {
  const [count, setCount] = useState(0);
  useEffect(() => {
    const changed = () => setCount((n) => n + 1);
    const system = matchMedia("(prefers-color-scheme: dark)");
    system.addEventListener("change", changed);
    addEventListener("godwit-theme", changed);
    return () => {
      system.removeEventListener("change", changed);
      removeEventListener("godwit-theme", changed);
    };
  }, []);
  return count;
}

function Figures({ readings }: { readings: Reading[] }) {
  if (readings.length === 0) return null;
  return (
    <dl class="figures">
      {readings.map((r) => <div key={r.id} title={r.id}><dt>{r.label}</dt><dd>{quantity(r.value, r.unit)}</dd></div>)}
    </dl>
  );
}

interface ChartsProps {
  readings: Reading[];
  alone?: string;
  node: NodeState;
  theme: number;
}

function Charts({ readings, alone, node, theme }: ChartsProps) {
  const specs = useMemo(() => planCharts(readings, alone), [readings, alone]);
  const zoom = (from: number, to: number) => go(location.pathname + formatRange({ from, to }));
  return (
    <>
      {specs.map((spec) => (
        <Chart key={spec.unit} spec={spec} tracks={node.tracks} bounds={node.bounds} version={node.version} theme={theme} onZoom={zoom} />
      ))}
    </>
  );
}

function AllDevices({ devices, node, theme }: { devices: Device[]; node: NodeState; theme: number }) {
  const specs = useMemo(() => compareDevices(devices), [devices]);
  const zoom = (from: number, to: number) => go(location.pathname + formatRange({ from, to }));
  if (specs.length === 0) return null;
  return (
    <details class="device" open>
      <summary><h2>All {devices.length} accelerators</h2></summary>
      <div class="charts">
        {specs.map((spec) => (
          <Chart key={spec.title} spec={spec} tracks={node.tracks} bounds={node.bounds} version={node.version} theme={theme} onZoom={zoom} />
        ))}
      </div>
    </details>
  );
}

interface DeviceProps {
  device: Device;
  /** There are others, perhaps of the same name. */
  many: boolean;
  open: boolean;
  node: NodeState;
  theme: number;
}

function DeviceSection({ device, many, open, node, theme }: DeviceProps) {
  return (
    <details class="device" open={open}>
      <summary><h2>{device.name || device.type.toUpperCase()}{many && ` #${deviceNumber(device)}`}</h2><span class="type">{device.type.toUpperCase()}</span><HealthBadge health={device.health} /></summary>
      <div class="charts"><Charts readings={device.readings} node={node} theme={theme} /></div>
      <Figures readings={figuresOf(device.readings)} />
    </details>
  );
}

function GroupsSection({ groups, node, theme }: { groups: Group[]; node: NodeState; theme: number }) {
  const figures = groups.filter((g) => figuresOf(g.readings).length > 0);
  return (
    <>
      <div class="charts">
        {groups.map((g) => {
          const one = new Set(g.readings.filter((r) => r.chart).map((r) => r.unit)).size === 1;
          return one
            ? <Charts key={g.title} readings={g.readings} alone={g.title} node={node} theme={theme} />
            : <GroupCharts key={g.title} group={g} node={node} theme={theme} />;
        })}
      </div>
      {figures.length > 0 && (
        <details class="device">
          <summary><h2>Further figures</h2></summary>
          {figures.map((g) => <section key={g.title}><h3>{g.title}</h3><Figures readings={figuresOf(g.readings)} /></section>)}
        </details>
      )}
    </>
  );
}

function groupTitle(group: Group, spec: ChartSpec): string {
  const part = group.title === "Disk" && spec.unit === "bytes" ? "free space" : spec.title.toLowerCase();
  return part === group.title.toLowerCase() ? group.title : `${group.title}: ${part}`;
}

/** A group of several units: each chart says the group and the unit. */
function GroupCharts({ group, node, theme }: { group: Group; node: NodeState; theme: number }) {
  const specs = useMemo(() => planCharts(group.readings), [group.readings]);
  const zoom = (from: number, to: number) => go(location.pathname + formatRange({ from, to }));
  return (
    <>
      {specs.map((spec) => (
        <Chart key={spec.unit} spec={{ ...spec, title: groupTitle(group, spec) }} tracks={node.tracks}
          bounds={node.bounds} version={node.version} theme={theme} onZoom={zoom} />
      ))}
    </>
  );
}

function ChartNotes({ node }: { node: NodeState }) {
  const [from, to] = node.bounds();
  const { backfilled, thinned } = node.tracks();
  const inside = (span: readonly number[]) => span[1] > from && span[0] < to;
  const late = backfilled.filter(inside);
  const thin = thinned.filter(inside);
  const whence = node.noHistory ? `No history: ${node.noHistory}.` : node.source === "database" ? "History from the database." : node.source === "memory"
    ? "History from this relay's memory: nothing from before it started." : "";
  return (
    <p class="notes">
      {late.length > 0 && <span class="note"><span class="swatch hatched" />arrived later, after an outage</span>}
      {thin.length > 0 && <span class="note"><span class="swatch dotted" />thinned to one reading every {duration(Math.max(...thin.map((s) => s[2])))}</span>}
      <span>{node.loading && node.version === 0 ? "Asking for history…" : whence}</span>
      <span class="hint">Drag over a chart to look closer.</span>
    </p>
  );
}

function Tables({ detail }: { detail: NodeDetail }) {
  return (
    <div class="tables">
      <Processes rows={detail.processes} />
      <Pods rows={detail.pods} />
      <HealthHistory events={detail.health_history} />
      <Collectors rows={detail.collectors} />
      <Facts title="Buffer" figures={detail.buffer} />
      <Facts title="Link" figures={detail.link} />
      <Facts title="Versions" figures={detail.versions} />
    </div>
  );
}

export function NodePage({ name }: { name: string }) {
  const { search } = useSignal(place);
  const range = useMemo(() => parseRange(search), [search]);
  const node = useNode(name, range);
  const theme = useThemeChanges();
  useSignal(session.fleetVersion);
  const back = useSignal(fleetSearch);
  const summary = session.fleet.nodes.get(name) ?? node.detail?.summary;

  if (node.refusal && !node.detail) {
    return (
      <main class="empty">
        <h1 tabIndex={-1}>{node.refusal.status === 404 ? `The relay does not know a node “${name}”` : `The relay refused: ${node.refusal.message}`}</h1>
        {node.refusal.status === 404 && <p>Either the name is spelled differently, or no agent of that name has reached the broker yet.</p>}
        <p><a href={`/${back}`}>To the fleet</a></p>
      </main>
    );
  }
  const [from, to] = node.bounds();
  return (
    <main class="node">
      <p class="back"><a href={`/${back}`}>← Fleet</a></p>
      {summary ? <NodeHeader node={summary} /> : <h1 tabIndex={-1}>{name}</h1>}
      {!node.detail && <p class="empty" role="status">Asking the relay for {name}…</p>}
      {node.detail && (
        <>
          <div class="range-bar">
            <RangePicker range={range} />
            <ChartNotes node={node} />
          </div>
          {isFixed(range) && <p class="past" role="status">This is the past: {day(from * 1000)}, {duration(to - from)}. <a href={location.pathname}>Back to live</a></p>}
          <AllDevices devices={node.detail.devices} node={node} theme={theme} />
          {node.detail.devices.map((device) => (
            <DeviceSection key={`${device.type} ${device.id}`} device={device} many={node.detail!.devices.length > 1} open={node.detail!.devices.length === 1} node={node} theme={theme} />
          ))}
          <GroupsSection groups={node.detail.groups} node={node} theme={theme} />
          <Tables detail={node.detail} />
        </>
      )}
    </main>
  );
}
