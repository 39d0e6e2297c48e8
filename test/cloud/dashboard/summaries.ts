// Nodes for the tests.
import type { Summary } from "../../../cloud/dashboard/src/types.ts";

export function summary(name: string, more: Partial<Summary> = {}): Summary {
  return {
    name, kind: "jetson", model: "Jetson Orin NX", labels: {}, online: true, since_ms: 0, heard_ms: 0, version: "0.1.0",
    health: "ok", problems: [], accelerators: 1, utilization: null, memory: null, temperature: null, power: null, cpu: null,
    ram: null,
    backlog: { samples: 0, ticks: 0, age_s: 0, catching_up: false, progress: null, left_s: null },
    clock: "synchronized", link: { bytes_today: null, cap_bytes: null, rtt_s: null }, ...more,
  };
}
