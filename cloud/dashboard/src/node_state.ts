// What a node's page knows: its details, and the tracks of its charts for the chosen stretch of time.
import { useEffect, useRef, useState } from "preact/hooks";
import { getJson, nodePath, Refused, Unauthorized } from "./api.ts";
import { session } from "./session.ts";
import { useSignal } from "./signal.ts";
import { bounds, isFixed, presets, stepSeconds, type TimeRange } from "./time_range.ts";
import { Tracks } from "./tracks.ts";
import type { History, NodeDetail } from "./types.ts";

const detailEveryMs = 10000;
/** Longer stretches are asked for anew; live ticks would be finer than what they show. */
const liveUpToS = 3600;

export interface NodeState {
  detail: NodeDetail | null;
  /** The relay does not know the node, or refused otherwise. */
  refusal: { status: number; message: string } | null;
  tracks: () => Tracks;
  bounds: () => [number, number];
  source: History["source"] | null;
  /** Why there is no history. Live ticks are shown all the same. */
  noHistory: string;
  loading: boolean;
  /** Counts up when the charts are to be drawn again. */
  version: number;
}

function useDetail(name: string, begins: number) {
  const [detail, setDetail] = useState<NodeDetail | null>(null);
  const [refusal, setRefusal] = useState<NodeState["refusal"]>(null);
  useEffect(() => {
    const end = new AbortController();
    const load = async () => {
      if (document.hidden) return;
      try {
        setDetail(await getJson<NodeDetail>(nodePath(name), end.signal));
        setRefusal(null);
      } catch (error) {
        if (error instanceof Unauthorized) session.unauthorized();
        if (error instanceof Refused) setRefusal({ status: error.status, message: error.message });
        // Anything else: the stream notices, and the banner says so.
      }
    };
    void load();
    const timer = setInterval(() => void load(), detailEveryMs);
    return () => {
      clearInterval(timer);
      end.abort();
    };
  }, [name, begins]);
  return { detail, refusal };
}

export function useNode(name: string, range: TimeRange): NodeState {
  const begins = useSignal(session.begins);
  const { detail, refusal } = useDetail(name, begins);
  const tracks = useRef(new Tracks());
  const [version, setVersion] = useState(0);
  const [source, setSource] = useState<History["source"] | null>(null);
  const [noHistory, setNoHistory] = useState("");
  const [loading, setLoading] = useState(true);
  const seconds = isFixed(range) ? Infinity : presets[range.preset];
  const key = JSON.stringify(range);

  useEffect(() => {
    const end = new AbortController();
    let whole = false;
    const load = async () => {
      const [from, to] = bounds(range, session.now());
      const step = stepSeconds(from, to);
      setLoading(true);
      try {
        const query = `from_ms=${Math.floor(from)}&to_ms=${Math.ceil(to)}&step_s=${step}`;
        const history = await getJson<History>(`${nodePath(name)}/history?${query}`, end.signal);
        tracks.current = Tracks.fromHistory(history);
        whole = true;
        setSource(history.source);
        setNoHistory("");
        setVersion((v) => v + 1);
      } catch (error) {
        if (error instanceof Unauthorized) session.unauthorized();
        if (error instanceof Refused && error.status !== 404) {
          setNoHistory(error.message);
          whole = true;
        }
      }
      if (!end.signal.aborted) setLoading(false);
    };
    void load();
    const live = seconds <= liveUpToS;
    // Backlog that arrives later belongs into the past: even a live chart is asked for again now and then.
    const again = isFixed(range) ? 0 : setInterval(() => void load(), live ? 30000 : 60000);
    const moving = live ? setInterval(() => {
      if (session.standing.value.state === "live") setVersion((v) => v + 1);
    }, 1000) : 0;
    session.onNode = (update) => {
      if (!live || !whole || !tracks.current.append(update)) return;
      tracks.current.trim(session.now() / 1000 - seconds);
    };
    return () => {
      end.abort();
      clearInterval(again);
      clearInterval(moving);
      session.onNode = undefined;
    };
  }, [name, key, begins]);

  return {
    detail, refusal, source, noHistory, loading, version,
    tracks: () => tracks.current,
    bounds: () => bounds(range, session.now()).map((ms) => ms / 1000) as [number, number],
  };
}
