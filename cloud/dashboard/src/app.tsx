// The page: which view the address asks for, and the keys that work everywhere.
import { useEffect, useRef } from "preact/hooks";
import { Banner } from "./banner.tsx";
import { EventsPage } from "./events_page.tsx";
import { FleetPage } from "./fleet_page.tsx";
import { NodePage } from "./node_page.tsx";
import { fleetSearch, go, place } from "./router.ts";
import type { Route } from "./routes.ts";
import { session } from "./session.ts";
import { useSignal } from "./signal.ts";
import { TokenForm } from "./token_form.tsx";
import { TopBar } from "./top_bar.tsx";

function titleOf(route: Route): string {
  if (route.page === "node") return `${route.name} · Godwit`;
  return route.page === "events" ? "Events · Godwit" : "Fleet · Godwit";
}

function focusSearch(): void {
  const find = () => document.getElementById("search") as HTMLInputElement | null;
  if (find()) return find()!.select();
  go(`/${fleetSearch.value}`);
  requestAnimationFrame(() => find()?.select());
}

/** "/" leads to the search; Escape empties it, and leads from a node back to the fleet. */
function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey) return;
  const target = event.target as HTMLElement;
  const typing = target.matches("input, select, textarea");
  if (event.key === "/" && !typing && session.standing.value.state !== "unauthorized") {
    event.preventDefault();
    focusSearch();
  } else if (event.key === "Escape") {
    if (target.id === "search") {
      const input = target as HTMLInputElement;
      if (input.value === "") input.blur();
      input.value = "";
      input.dispatchEvent(new Event("input", { bubbles: true }));
    } else if (!typing && place.value.route.page === "node") {
      go(`/${fleetSearch.value}`);
    }
  }
}

function View({ route }: { route: Route }) {
  switch (route.page) {
    case "fleet": return <FleetPage />;
    case "events": return <EventsPage />;
    case "node": return <NodePage key={route.name} name={route.name} />;
    default: return <main><h1 tabIndex={-1}>There is no page {route.path}</h1><p><a href="/">To the fleet</a></p></main>;
  }
}

export function App() {
  const { route } = useSignal(place);
  const standing = useSignal(session.standing);
  const shown = useRef<string>();
  const node = route.page === "node" ? route.name : undefined;
  const locked = standing.state === "unauthorized";

  useEffect(() => {
    if (!locked) session.follow(node);
  }, [node, locked]);
  useEffect(() => {
    document.title = titleOf(route);
    // A new view begins at its heading, for those who hear the page; not at the first one.
    const key = `${route.page} ${node ?? ""}`;
    if (shown.current !== undefined && shown.current !== key && document.activeElement?.id !== "search") {
      document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
    }
    shown.current = key;
  }, [route]);
  useEffect(() => {
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);

  return (
    <div class={`page ${standing.state}`}>
      <TopBar />
      <Banner />
      {locked ? <TokenForm /> : <View route={route} />}
    </div>
  );
}
