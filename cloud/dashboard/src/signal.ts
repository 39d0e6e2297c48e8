// A value that components follow: the whole of the page's state management.
import { useEffect, useState } from "preact/hooks";

export class Signal<T> {
  private readonly followers = new Set<(value: T) => void>();
  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }

  set(value: T): void {
    if (Object.is(value, this.current)) return;
    this.current = value;
    for (const follower of this.followers) follower(value);
  }

  /** Returns what ends it. */
  follow(follower: (value: T) => void): () => void {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  }
}

/** The component is made again whenever the value changes. */
export function useSignal<T>(signal: Signal<T>): T {
  const [, again] = useState(0);
  useEffect(() => {
    // It may have changed between the first render and now.
    again((n) => n + 1);
    return signal.follow(() => again((n) => n + 1));
  }, [signal]);
  return signal.value;
}
