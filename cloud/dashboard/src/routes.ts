// The page's addresses: /, /nodes/<name>, /events.

export type Route =
  | { page: "fleet" }
  | { page: "node"; name: string }
  | { page: "events" }
  | { page: "unknown"; path: string };

export const nodeAddress = (name: string) => `/nodes/${encodeURIComponent(name)}`;

export function parseRoute(path: string): Route {
  if (path === "/" || path === "") return { page: "fleet" };
  if (path === "/events" || path === "/events/") return { page: "events" };
  const node = /^\/nodes\/([^/]+)\/?$/.exec(path);
  if (node) {
    try {
      return { page: "node", name: decodeURIComponent(node[1]) };
    } catch {
      return { page: "unknown", path };
    }
  }
  return { page: "unknown", path };
}
