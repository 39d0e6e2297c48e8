// Requests to the relay this page came from. The token lives as long as the tab.
const tokenKey = "godwit-token";

export class Unauthorized extends Error {}

/** The relay answered, and said no; `status` is 404 for a node it does not know. */
export class Refused extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

export function storeToken(token: string): void {
  sessionStorage.setItem(tokenKey, token);
}

export function hasToken(): boolean {
  return sessionStorage.getItem(tokenKey) !== null;
}

/** Throws Unauthorized, Refused, or what fetch() throws when there is no relay. */
export async function request(path: string, signal?: AbortSignal): Promise<Response> {
  const token = sessionStorage.getItem(tokenKey);
  const headers: Record<string, string> = token === null ? {} : { Authorization: `Bearer ${token}` };
  const reply = await fetch(path, { headers, signal, cache: "no-store", credentials: "same-origin" });
  if (reply.ok) return reply;
  const text = (await reply.text().catch(() => "")).slice(0, 500);
  if (reply.status === 401) throw new Unauthorized(text);
  let message = `${reply.status} ${reply.statusText}`;
  try {
    message = String((JSON.parse(text) as { error: string }).error);
  } catch {
    // The status says enough.
  }
  throw new Refused(reply.status, message);
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await request(path, signal)).json() as Promise<T>;
}

export const nodePath = (name: string) => `/web/v1/nodes/${encodeURIComponent(name)}`;
