// A list of events, newest first, with a heading for each day.
import { clockTime, day } from "./format.ts";
import { Icon, severitySign, type Sign } from "./icons.tsx";
import { nodeAddress } from "./routes.ts";
import type { FleetEvent } from "./types.ts";

function sign(event: FleetEvent): Sign {
  if (event.kind === "offline") return "offline";
  if (event.kind === "catching_up") return "catching";
  if (event.kind === "online" || event.kind === "caught_up") return "ok";
  if (event.kind === "health" && event.severity === "info") return "ok";
  return severitySign(event.severity);
}

export function EventList({ events, withNode }: { events: FleetEvent[]; withNode: boolean }) {
  // The page of events has its days right below its own heading; a node's, below that of a section.
  const Day = withNode ? "h2" : "h3";
  return (
    <ol class="events" role="list">
      {events.map((event, i) => (
        <li key={event.id} class={event.severity}>
          {(i === 0 || day(events[i - 1].time_ms) !== day(event.time_ms)) && <Day class="day">{day(event.time_ms)}</Day>}
          <div class="event">
            <time dateTime={new Date(event.time_ms).toISOString()}>{clockTime(event.time_ms)}</time>
            <Icon sign={sign(event)} />
            <p>{withNode && event.node && <><a href={nodeAddress(event.node)}>{event.node}</a> </>}{event.text}</p>
          </div>
        </li>
      ))}
    </ol>
  );
}
