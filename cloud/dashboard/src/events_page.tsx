// What happened in the fleet: health, nodes gone and back, losses by reason.
import { useState } from "preact/hooks";
import { EventList } from "./event_list.tsx";
import { session } from "./session.ts";
import { useSignal } from "./signal.ts";

const groups: [string, string, string[]][] = [
  ["health", "Health", ["health"]],
  ["presence", "Gone and back", ["online", "offline"]],
  ["backlog", "Catching up", ["catching_up", "caught_up"]],
  ["loss", "Losses", ["loss"]],
];

export function EventsPage() {
  const events = useSignal(session.events);
  const [group, setGroup] = useState("");
  const [search, setSearch] = useState("");
  const kinds = groups.find(([key]) => key === group)?.[2];
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = (events ?? []).filter((e) =>
    (!kinds || kinds.includes(e.kind)) && words.every((w) => `${e.node} ${e.text}`.toLowerCase().includes(w)));
  return (
    <main class="events-page">
      <h1 tabIndex={-1}>Events</h1>
      <search class="filters">
        <label class="search">
          <span class="hidden">Search events</span>
          <input id="search" type="search" placeholder="Search node or text" value={search} autocomplete="off"
            onInput={(e) => setSearch(e.currentTarget.value)} aria-keyshortcuts="/" />
          <kbd aria-hidden="true">/</kbd>
        </label>
        <div class="views" role="group" aria-label="Kind of event">
          <button type="button" aria-pressed={group === ""} onClick={() => setGroup("")}>All</button>
          {groups.map(([key, name]) => (
            <button key={key} type="button" aria-pressed={group === key} onClick={() => setGroup(key)}>{name}</button>
          ))}
        </div>
      </search>
      {events === null && <p class="empty" role="status">Asking the relay…</p>}
      {events !== null && found.length === 0 && (
        <p class="empty">{events.length === 0 ? "Nothing has happened since the relay began to listen." : "No event matches."}</p>
      )}
      <EventList events={found} withNode />
    </main>
  );
}
