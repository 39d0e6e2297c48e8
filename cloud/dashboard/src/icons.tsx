// Signs of state. Each has its own shape, so that nothing is said by colour alone.
import type { Health, Severity } from "./types.ts";

const shapes = {
  ok: <><circle cx="8" cy="8" r="6.25" /><path d="m5.2 8.3 2 2 3.6-4.2" /></>,
  warning: <><path d="M8 1.8 14.8 14H1.2Z" /><path d="M8 6.2v3.6M8 11.9v.2" /></>,
  critical: <><path d="M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2l-3.7-3.7V5.2Z" /><path d="m5.6 5.6 4.8 4.8M10.4 5.6l-4.8 4.8" /></>,
  unknown: <><circle cx="8" cy="8" r="6.25" stroke-dasharray="2.6 2.3" /><path d="M6.2 6.4a1.8 1.8 0 1 1 2.4 1.8c-.4.2-.6.5-.6 1M8 11.4v.2" /></>,
  offline: <><circle cx="8" cy="8" r="6.25" /><path d="m3.8 12.2 8.4-8.4" /></>,
  info: <><circle cx="8" cy="8" r="6.25" /><path d="M8 7.4v3.4M8 5v.2" /></>,
  catching: <><path d="M2 8a6 6 0 0 1 10.4-4.1M14 8A6 6 0 0 1 3.6 12.1" /><path d="M12.6 1v3.2H9.4M3.4 15v-3.2h3.2" /></>,
  system: <><circle cx="8" cy="8" r="6.25" /><path class="solid" d="M8 1.75a6.25 6.25 0 0 1 0 12.5Z" /></>,
  light: <><circle cx="8" cy="8" r="3" /><path d="M8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8 13 13M13 3l-1.2 1.2M4.2 11.8 3 13" /></>,
  dark: <path d="M13.6 9.6A6 6 0 0 1 6.4 2.4a6 6 0 1 0 7.2 7.2Z" />,
  clock: <><circle cx="8" cy="8" r="6.25" /><path d="M8 4.5V8l2.4 1.6" /></>,
};
export type Sign = keyof typeof shapes;

export function Icon({ sign }: { sign: Sign }) {
  return (
    <svg class={`icon ${sign}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      {shapes[sign]}
    </svg>
  );
}

export const healthText: Record<Health, string> = {
  ok: "Healthy", warning: "Warning", critical: "Critical", unknown: "Health unknown",
};

export const severitySign = (severity: Severity): Sign => (severity === "info" ? "info" : severity);

export function HealthBadge({ health }: { health: Health }) {
  return <span class={`badge ${health}`}><Icon sign={health} />{healthText[health]}</span>;
}

/** The wordmark's bird: a godwit probing the mud. */
export function Bird() {
  return (
    <svg class="bird" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
      <path d="M2 12.5 12 11c1.4-3.6 4.6-6 8.4-6 4 0 7.2 2.6 7.6 6.2.6 5.4-4 9.6-10.4 10L16 29M20 21l1.5 8" />
      <circle cx="19.5" cy="10" r="1.5" />
    </svg>
  );
}
