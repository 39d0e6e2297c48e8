// The stream from the relay: opened, watched, opened again. A relay that says nothing for silenceMs is gone,
// whatever the connection says: it writes a comment every 10 s.
import { request, Unauthorized } from "./api.ts";
import { retryDelay } from "./backoff.ts";
import { EventParser, type StreamEvent } from "./sse.ts";

export const silenceMs = 25000;

export interface Listener {
  event(event: StreamEvent): void;
  /** Until `nextTryMs` (of Date.now()) nothing happens, unless retryNow() is called. */
  lost(reason: string, nextTryMs: number): void;
  trying(): void;
  unauthorized(): void;
}

export class Connection {
  private current: AbortController | undefined;
  private path = "";
  private failures = 0;
  private wake: (() => void) | undefined;

  constructor(private readonly listener: Listener) {
    addEventListener("online", () => this.retryNow());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.retryNow();
    });
  }

  /** Ends the stream there is, if any, and keeps this one open from now on. */
  open(path: string): void {
    this.current?.abort();
    this.wake?.();
    this.current = new AbortController();
    this.path = path;
    this.failures = 0;
    void this.run(this.current.signal);
  }

  close(): void {
    this.current?.abort();
    this.wake?.();
  }

  /** Ends the waiting for the next try. */
  retryNow(): void {
    this.wake?.();
  }

  private async run(ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      let reason = "the relay ended the connection";
      try {
        await this.read(ended);
      } catch (error) {
        if (ended.aborted) return;
        if (error instanceof Unauthorized) return this.listener.unauthorized();
        reason = error instanceof TypeError ? "the relay does not answer" : (error as Error).message;
      }
      if (ended.aborted) return;
      const delay = retryDelay(++this.failures);
      this.listener.lost(reason, Date.now() + delay);
      await this.pause(delay);
      if (!ended.aborted) this.listener.trying();
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(done, ms);
      this.wake = () => {
        clearTimeout(timer);
        done();
      };
    });
  }

  private async read(ended: AbortSignal): Promise<void> {
    // Aborted when we are done with it, and when the relay is silent.
    const attempt = new AbortController();
    const abort = () => attempt.abort();
    ended.addEventListener("abort", abort);
    let silent = false;
    let timer = 0;
    const heard = () => {
      clearTimeout(timer);
      timer = window.setTimeout(() => {
        silent = true;
        abort();
      }, silenceMs);
    };
    try {
      heard();
      const reply = await request(this.path, attempt.signal);
      if (!reply.body) throw new Error("the relay's answer has no body");
      const reader = reply.body.getReader();
      const text = new TextDecoder();
      const parser = new EventParser();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || ended.aborted) return;
        heard();
        for (const event of parser.push(text.decode(value, { stream: true }))) {
          this.failures = 0;
          this.listener.event(event);
        }
      }
    } catch (error) {
      if (silent) throw new Error(`nothing was heard of the relay for ${silenceMs / 1000} s`);
      throw error;
    } finally {
      clearTimeout(timer);
      ended.removeEventListener("abort", abort);
      attempt.abort();
    }
  }
}
