// The events that the page keeps: from what was asked for and what the stream brought, in whichever order they came.
import type { FleetEvent } from "./types.ts";

export const keptEvents = 500;

/** Newest first, each once. Of events of the same moment, the one in `first` stands first. */
export function mergeEvents(first: FleetEvent[], second: FleetEvent[]): FleetEvent[] {
  const byId = new Map<FleetEvent["id"], FleetEvent>();
  for (const event of [...first, ...second]) if (!byId.has(event.id)) byId.set(event.id, event);
  return [...byId.values()].sort((a, b) => b.time_ms - a.time_ms).slice(0, keptEvents);
}
