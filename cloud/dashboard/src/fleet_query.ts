// What of the fleet is shown and in which order; kept in the address, so that a view can be sent to others.
import type { Summary } from "./types.ts";

export const sortKeys = [
  "attention", "name", "kind", "utilization", "memory", "temperature", "power", "backlog", "traffic",
] as const;
export type SortKey = (typeof sortKeys)[number];
export const healthFilters = ["problems", "critical", "warning", "ok", "unknown"] as const;
export const stateFilters = ["online", "offline", "catching-up"] as const;

export interface FleetQuery {
  search: string;
  sort: SortKey;
  reverse: boolean;
  kind: string;
  health: string;
  state: string;
  label: string; // key=value
  view: "tiles" | "rows";
}

export const everything: FleetQuery = {
  search: "", sort: "attention", reverse: false, kind: "", health: "", state: "", label: "", view: "tiles",
};

const oneOf = <T extends string>(value: string | null, allowed: readonly T[], otherwise: T): T =>
  allowed.includes(value as T) ? (value as T) : otherwise;

export function parseQuery(address: string): FleetQuery {
  const from = new URLSearchParams(address);
  const sort = from.get("sort") ?? "";
  const name = sort.replace(/^-/, "");
  return {
    search: from.get("q") ?? "",
    sort: oneOf(name, sortKeys, "attention"),
    reverse: sort.startsWith("-"),
    kind: from.get("kind") ?? "",
    health: oneOf<string>(from.get("health"), healthFilters, ""),
    state: oneOf<string>(from.get("state"), stateFilters, ""),
    label: from.get("label") ?? "",
    view: oneOf(from.get("view"), ["tiles", "rows"] as const, "tiles"),
  };
}

/** Only what differs from everything: the plain page has a plain address. */
export function formatQuery(query: FleetQuery): string {
  const to = new URLSearchParams();
  if (query.search) to.set("q", query.search);
  if (query.kind) to.set("kind", query.kind);
  if (query.health) to.set("health", query.health);
  if (query.state) to.set("state", query.state);
  if (query.label) to.set("label", query.label);
  if (query.sort !== "attention" || query.reverse) to.set("sort", (query.reverse ? "-" : "") + query.sort);
  if (query.view !== "tiles") to.set("view", query.view);
  const text = to.toString();
  return text ? `?${text}` : "";
}

// A Summary never changes: an update brings a new one.
const haystacks = new WeakMap<Summary, string>();

function haystack(node: Summary): string {
  let text = haystacks.get(node);
  if (text === undefined) {
    const labels = Object.entries(node.labels).map(([k, v]) => `${k}=${v}`);
    const problems = node.problems.map((p) => `${p.type} ${p.reason}`);
    text = [node.name, node.kind, node.model, ...labels, ...problems].join("\n").toLowerCase();
    haystacks.set(node, text);
  }
  return text;
}

function hasHealth(node: Summary, wanted: string): boolean {
  return wanted === "problems" ? node.health === "warning" || node.health === "critical" : node.health === wanted;
}

function hasState(node: Summary, wanted: string): boolean {
  if (wanted === "catching-up") return node.backlog.catching_up;
  return node.online === (wanted === "online");
}

/** Every word of the search must be found; each filter that is set must hold. */
export function matches(query: FleetQuery): (node: Summary) => boolean {
  const words = query.search.toLowerCase().split(/\s+/).filter(Boolean);
  const equals = query.label.indexOf("=");
  const [key, value] = [query.label.slice(0, equals), query.label.slice(equals + 1)];
  return (node) =>
    (!query.kind || node.kind === query.kind) &&
    (!query.health || hasHealth(node, query.health)) &&
    (!query.state || hasState(node, query.state)) &&
    (!query.label || node.labels[key] === value) &&
    (words.length === 0 || words.every((word) => haystack(node).includes(word)));
}

/** How much a node wants to be looked at: critical, offline, warning, catching up, the rest. */
export function attention(node: Summary): number {
  if (node.health === "critical") return 4;
  if (!node.online) return 3;
  if (node.health === "warning") return 2;
  return node.backlog.catching_up ? 1 : 0;
}

type Figure = (node: Summary) => number | null;
// Sorted by these, the largest comes first and the unknown last, in either direction.
const figures: Partial<Record<SortKey, Figure>> = {
  attention,
  utilization: (n) => n.utilization ?? n.cpu,
  memory: (n) => n.memory ?? n.ram,
  temperature: (n) => n.temperature,
  power: (n) => n.power,
  backlog: (n) => n.backlog.samples ?? n.backlog.ticks,
  traffic: (n) => n.link.bytes_today,
};

/** The nodes that match, in order. `rank`: each name's place among all names. */
export function select(nodes: Iterable<Summary>, query: FleetQuery, rank: Map<string, number>): Summary[] {
  const found: Summary[] = [];
  const wanted = matches(query);
  for (const node of nodes) if (wanted(node)) found.push(node);
  const place = (node: Summary) => rank.get(node.name) ?? 0;
  const turn = query.reverse ? -1 : 1;
  const figure = figures[query.sort];
  if (figure) {
    return found.sort((a, b) => {
      const [x, y] = [figure(a), figure(b)];
      if (x === y) return place(a) - place(b);
      if (x === null) return 1;
      if (y === null) return -1;
      return (y - x) * turn;
    });
  }
  if (query.sort === "kind") {
    const text = (n: Summary) => `${n.kind}\n${n.model}`;
    return found.sort((a, b) => {
      const [x, y] = [text(a), text(b)];
      return (x === y ? place(a) - place(b) : x < y ? -1 : 1) * turn;
    });
  }
  return found.sort((a, b) => (place(a) - place(b)) * turn);
}
