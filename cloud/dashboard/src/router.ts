// Where the page is. Links are plain links; ours are followed without loading.
import { parseRoute, type Route } from "./routes.ts";
import { Signal } from "./signal.ts";

export interface Place {
  route: Route;
  search: string;
}

const read = (): Place => ({ route: parseRoute(location.pathname), search: location.search });

export const place = new Signal<Place>(read());

/** Where the fleet view was left: its filters come back with it. */
export const fleetSearch = new Signal(place.value.route.page === "fleet" ? location.search : "");

/** `replace`: the step before stays the one to go back to. */
export function go(address: string, replace = false): void {
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  arrived();
}

function arrived(): void {
  const next = read();
  if (next.route.page === "fleet") fleetSearch.set(next.search);
  place.set(next);
}

export function startRouter(): void {
  addEventListener("popstate", arrived);
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element).closest("a");
    if (!link || link.origin !== location.origin || link.hasAttribute("download") || link.target) return;
    if (link.hash && link.pathname === location.pathname) return;
    if (parseRoute(link.pathname).page === "unknown") return;
    event.preventDefault();
    if (link.href !== location.href) go(link.pathname + link.search);
    scrollTo(0, 0);
  });
}
