// What the relay answers below /web/v1/ (cloud/WEB.md). Times are ms since 1970, null is "not known".

export type Severity = "info" | "warning" | "critical";
export type Health = "ok" | "warning" | "critical" | "unknown";
export type Clock = "synchronized" | "unsynchronized" | "unknown";

export interface Relay {
  name: string;
  version: string;
  started_ms: number;
  now_ms: number;
  history: "database" | "memory";
  auth: boolean;
}

export interface Problem {
  type: string;
  reason: string;
  message: string;
  severity: Severity;
  since_ms: number | null;
}

export interface Backlog {
  samples: number | null;
  ticks: number | null;
  age_s: number | null;
  catching_up: boolean;
  progress: number | null;
  left_s: number | null;
}

export interface Link {
  bytes_today: number | null;
  cap_bytes: number | null;
  rtt_s: number | null;
}

export interface Summary {
  name: string;
  kind: string;
  model: string;
  labels: Record<string, string>;
  online: boolean;
  since_ms: number | null;
  heard_ms: number | null;
  version: string;
  health: Health;
  problems: Problem[];
  accelerators: number;
  utilization: number | null;
  memory: number | null;
  temperature: number | null;
  power: number | null;
  cpu: number | null;
  ram: number | null;
  backlog: Backlog;
  clock: Clock;
  link: Link;
}

export interface Reading {
  id: string;
  metric: string;
  labels: Record<string, string>;
  label: string;
  unit: string;
  value: number | null;
  time_ms: number | null;
  chart: boolean;
}

export interface Device {
  id: string;
  type: string;
  name: string;
  health: Health;
  readings: Reading[];
}

export interface Group {
  title: string;
  readings: Reading[];
}

export interface ProcessRow {
  pid: number | string;
  name: string;
  device: string;
  memory_bytes: number | null;
}

export interface PodRow {
  namespace: string;
  name: string;
  cpu: number | null;
  memory_bytes: number | null;
  restarts: number | null;
  phase: string;
}

export interface CollectorRow {
  name: string;
  state: "ok" | "absent" | "failing";
  message: string;
  duration_s: number | null;
}

export interface FleetEvent {
  id: string | number;
  time_ms: number;
  node: string;
  kind: string;
  severity: Severity;
  text: string;
}

export type Figures = Record<string, unknown>;

export interface NodeDetail {
  summary: Summary;
  devices: Device[];
  groups: Group[];
  processes: ProcessRow[];
  pods: PodRow[];
  health_history: FleetEvent[];
  collectors: CollectorRow[];
  buffer: Figures;
  link: Figures;
  versions: Record<string, string>;
}

export interface History {
  source: "memory" | "database";
  step_s: number;
  times: number[];
  series: { id: string; values: (number | null)[] }[];
  backfilled: [number, number][];
  thinned: [number, number, number][];
}

export interface FleetUpdate {
  now_ms: number;
  nodes: Summary[];
  gone: string[];
}

export interface NodeUpdate {
  time_ms: number;
  values: Record<string, number | null>;
}
