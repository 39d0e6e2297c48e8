// What the page knows, kept current by the stream: the fleet, the events, and how it stands with the relay.
import { getJson, Unauthorized } from "./api.ts";
import { Connection } from "./connection.ts";
import { keptEvents, mergeEvents } from "./event_log.ts";
import { FleetState } from "./fleet_state.ts";
import { Signal } from "./signal.ts";
import type { StreamEvent } from "./sse.ts";
import type { FleetEvent, FleetUpdate, NodeUpdate, Relay, Summary } from "./types.ts";

export type Standing =
  | { state: "connecting" }
  | { state: "live" }
  | { state: "lost"; sinceMs: number; reason: string; nextTryMs: number; trying: boolean }
  | { state: "unauthorized" };

class Session {
  readonly fleet = new FleetState();
  /** Counts up with every change of the fleet; 0: nothing is known yet. */
  readonly fleetVersion = new Signal(0);
  readonly standing = new Signal<Standing>({ state: "connecting" });
  readonly relay = new Signal<Relay | null>(null);
  /** Newest first. null: not yet asked for. */
  readonly events = new Signal<FleetEvent[] | null>(null);
  /** Until when (Date.now()) the page says that the relay is back. */
  readonly backUntil = new Signal(0);
  /** Of Date.now(): when the relay was last heard. */
  heardMs = 0;
  /** Called with each live tick of the node that follow() named. */
  onNode: ((update: NodeUpdate) => void) | undefined;
  /** Counts up when the stream begins anew: what was missed meanwhile must be asked for. */
  readonly begins = new Signal(0);

  private readonly connection = new Connection(this.listener());
  private early: FleetUpdate[] | undefined; // updates that came before the fleet they belong to
  private offsetMs = 0;
  private started = false;
  private followed: string | undefined;

  /** The relay's time: ours may be wrong. */
  now(): number {
    return Date.now() + this.offsetMs;
  }

  /** The stream with this node's readings, or without any. */
  follow(node: string | undefined): void {
    if (this.started && node === this.followed) return;
    this.started = true;
    this.followed = node;
    this.connection.open(`/web/v1/stream${node === undefined ? "" : `?node=${encodeURIComponent(node)}`}`);
  }

  restart(): void {
    this.standing.set({ state: "connecting" });
    this.started = false;
    this.follow(this.followed);
  }

  retryNow(): void {
    this.connection.retryNow();
  }

  unauthorized(): void {
    this.connection.close();
    this.standing.set({ state: "unauthorized" });
  }

  private listener() {
    return {
      event: (event: StreamEvent) => this.take(event),
      trying: () => {
        const now = this.standing.value;
        if (now.state === "lost") this.standing.set({ ...now, trying: true });
      },
      lost: (reason: string, nextTryMs: number) => {
        const before = this.standing.value;
        const sinceMs = before.state === "lost" ? before.sinceMs : this.heardMs || Date.now();
        this.standing.set({ state: "lost", sinceMs, reason, nextTryMs, trying: false });
      },
      unauthorized: () => this.unauthorized(),
    };
  }

  private take(event: StreamEvent): void {
    this.heardMs = Date.now();
    switch (event.type) {
      case "hello":
        this.relay.set((JSON.parse(event.data) as { relay: Relay }).relay);
        void this.load();
        break;
      case "fleet": {
        const update = JSON.parse(event.data) as FleetUpdate;
        this.offsetMs = update.now_ms - Date.now();
        if (this.early) {
          this.early.push(update);
        } else {
          this.fleet.apply(update);
          this.fleetVersion.set(this.fleetVersion.value + 1);
        }
        break;
      }
      case "node":
        this.onNode?.(JSON.parse(event.data) as NodeUpdate);
        break;
      case "log":
        this.events.set(mergeEvents([JSON.parse(event.data) as FleetEvent], this.events.value ?? []));
        break;
    }
  }

  /** The whole fleet and the events so far; what the stream brings meanwhile comes behind. */
  private async load(): Promise<void> {
    this.early = [];
    try {
      const [fleet, events] = await Promise.all([
        getJson<{ relay: Relay; nodes: Summary[] }>("/web/v1/fleet"),
        getJson<{ events: FleetEvent[] }>(`/web/v1/events?limit=${keptEvents}`),
      ]);
      this.offsetMs = fleet.relay.now_ms - Date.now();
      this.relay.set(fleet.relay);
      this.fleet.reset(fleet.nodes);
      for (const update of this.early) this.fleet.apply(update);
      this.early = undefined;
      this.events.set(mergeEvents(this.events.value ?? [], events.events));
      if (this.standing.value.state === "lost") this.backUntil.set(Date.now() + 6000);
      this.standing.set({ state: "live" });
      this.fleetVersion.set(this.fleetVersion.value + 1);
      this.begins.set(this.begins.value + 1);
    } catch (error) {
      this.early = undefined;
      if (error instanceof Unauthorized) return this.unauthorized();
      // Without the fleet the stream is worth nothing: begin again.
      const path = this.followed;
      this.listener().lost((error as Error).message, Date.now() + 2000);
      setTimeout(() => {
        if (this.standing.value.state !== "lost" || path !== this.followed) return;
        this.started = false;
        this.follow(this.followed);
      }, 2000);
    }
  }
}

export const session = new Session();

/** Ticks once a second: for texts that tell how long ago something was. */
export const seconds = new Signal(0);
setInterval(() => seconds.set(seconds.value + 1), 1000);
