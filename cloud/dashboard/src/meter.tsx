// A figure with a small bar. The bar repeats what the text says.
import { quantity, unknown } from "./format.ts";

export function Bar({ part, tone = "" }: { part: number | null; tone?: string }) {
  const width = part === null ? 0 : Math.min(1, Math.max(0, part));
  return <span class={`bar ${tone}`} aria-hidden="true"><span style={{ transform: `scaleX(${width.toFixed(3)})` }} /></span>;
}

interface MeterProps {
  label: string;
  title: string;
  value: number | null;
  unit: string;
  /** The value at which the bar is full. */
  full: number;
}

export function Meter({ label, title, value, unit, full }: MeterProps) {
  return (
    <div class={value === null ? "meter none" : "meter"} title={value === null ? `${title}: not known` : title}>
      <dt>{label}</dt>
      <dd>{value === null ? unknown : quantity(value, unit)}</dd>
      <Bar part={value === null ? null : value / full} />
    </div>
  );
}
