// When to try again: doubling from 1 s to 15 s, a quarter of it by chance so that many pages do not come at once.

export const firstDelayMs = 1000;
export const maxDelayMs = 15000;

export function retryDelay(failures: number, random: () => number = Math.random): number {
  const full = Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(10, Math.max(0, failures - 1)));
  return Math.round(full * (0.75 + 0.25 * random()));
}
