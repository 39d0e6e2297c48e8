// The fleet as the page knows it: what the relay told as a whole, and its updates since.
import type { FleetUpdate, Summary } from "./types.ts";

export interface Counts {
  nodes: number;
  online: number;
  offline: number;
  critical: number;
  warning: number;
  catchingUp: number;
}

export class FleetState {
  readonly nodes = new Map<string, Summary>();
  /** Place of each name in natural order: node-2 before node-10. */
  rank = new Map<string, number>();
  private readonly order = new Intl.Collator("en", { numeric: true });

  /** All nodes, in place of those known before. */
  reset(nodes: Summary[]): void {
    this.nodes.clear();
    for (const node of nodes) this.nodes.set(node.name, node);
    this.sortNames();
  }

  apply(update: FleetUpdate): void {
    const before = this.nodes.size;
    let left = 0;
    for (const name of update.gone) left += this.nodes.delete(name) ? 1 : 0;
    for (const node of update.nodes) this.nodes.set(node.name, node);
    if (left > 0 || this.nodes.size !== before) this.sortNames();
  }

  counts(): Counts {
    const counts: Counts = { nodes: this.nodes.size, online: 0, offline: 0, critical: 0, warning: 0, catchingUp: 0 };
    for (const node of this.nodes.values()) {
      if (node.online) ++counts.online;
      else ++counts.offline;
      if (node.health === "critical") ++counts.critical;
      if (node.health === "warning") ++counts.warning;
      if (node.backlog.catching_up) ++counts.catchingUp;
    }
    return counts;
  }

  /** Kinds and labels (key=value) that some node has, each sorted. */
  choices(): { kinds: string[]; labels: string[] } {
    const kinds = new Set<string>();
    const labels = new Set<string>();
    for (const node of this.nodes.values()) {
      kinds.add(node.kind);
      // A label that every node has in another value is no filter.
      for (const [key, value] of Object.entries(node.labels)) {
        if (key !== "kubernetes.io/hostname") labels.add(`${key}=${value}`);
      }
    }
    return { kinds: [...kinds].sort(), labels: [...labels].sort().slice(0, 500) };
  }

  private sortNames(): void {
    const names = [...this.nodes.keys()].sort(this.order.compare);
    this.rank = new Map(names.map((name, i) => [name, i]));
  }
}
