// Hooks for lists of which only the part in sight exists. The window scrolls, not the list.
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import { type Rows, rowsInSight } from "./window_rows.ts";

export function useWidth(element: RefObject<HTMLElement>): number {
  const [width, setWidth] = useState(() => document.documentElement.clientWidth);
  useLayoutEffect(() => {
    const watched = element.current!;
    setWidth(watched.clientWidth);
    const observer = new ResizeObserver(() => setWidth(watched.clientWidth));
    observer.observe(watched);
    return () => observer.disconnect();
  }, []);
  return width;
}

export function useRowsInSight(element: RefObject<HTMLElement>, rowHeight: number, count: number): Rows {
  const measure = () => {
    const top = element.current?.getBoundingClientRect().top ?? 0;
    return rowsInSight(top, innerHeight, rowHeight, count);
  };
  const [rows, setRows] = useState(() => rowsInSight(0, innerHeight, rowHeight, count));
  useEffect(() => {
    let frame = 0;
    const update = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => {
        const next = measure();
        setRows((old) => (old.first === next.first && old.end === next.end ? old : next));
      });
    };
    update();
    addEventListener("scroll", update, { passive: true });
    addEventListener("resize", update);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", update);
      removeEventListener("resize", update);
    };
  }, [rowHeight, count]);
  return { first: Math.min(rows.first, count), end: Math.min(rows.end, count) };
}
