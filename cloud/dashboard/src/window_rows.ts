// Which rows of a long list are worth making: those in sight, and some around them.

export interface Rows {
  first: number;
  end: number; // one behind the last
}

/** `top`: the list's upper edge relative to the window's; negative once it is scrolled past. */
export function rowsInSight(top: number, windowHeight: number, rowHeight: number, count: number, around = 4): Rows {
  const first = Math.floor(-top / rowHeight) - around;
  const end = Math.ceil((windowHeight - top) / rowHeight) + around;
  return { first: Math.min(count, Math.max(0, first)), end: Math.max(0, Math.min(count, end)) };
}

export function columnsFor(width: number, least: number, gap: number): number {
  return Math.max(1, Math.floor((width + gap) / (least + gap)));
}

/** Where an arrow key leads in a grid, or undefined for other keys. */
export function gridStep(key: string, index: number, columns: number, count: number): number | undefined {
  const steps: Record<string, number> = {
    ArrowRight: index + 1, ArrowLeft: index - 1, ArrowDown: index + columns, ArrowUp: index - columns,
    Home: 0, End: count - 1,
  };
  const to = steps[key];
  return to === undefined ? undefined : Math.min(count - 1, Math.max(0, to));
}
