// text/event-stream, from chunks of text cut anywhere. Used instead of EventSource, which cannot send a token.

export interface StreamEvent {
  type: string;
  data: string;
}

/** An event larger than this is not one of the relay's. */
export const maxEventChars = 32 * 1024 * 1024;

export class EventParser {
  private rest = "";
  private type = "";
  private data: string[] = [];
  private size = 0;

  /** The events that are complete with this chunk. Throws when one grows beyond all bounds. */
  push(chunk: string): StreamEvent[] {
    const events: StreamEvent[] = [];
    const text = this.rest + chunk;
    let begin = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", begin)) {
      const line = text.slice(begin, text[end - 1] === "\r" && end > begin ? end - 1 : end);
      begin = end + 1;
      this.line(line, events);
    }
    this.rest = text.slice(begin);
    if (this.rest.length + this.size > maxEventChars) throw new Error("an event of the stream is too large");
    return events;
  }

  private line(line: string, events: StreamEvent[]): void {
    if (line === "") {
      if (this.data.length > 0) events.push({ type: this.type || "message", data: this.data.join("\n") });
      this.type = "";
      this.data = [];
      this.size = 0;
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment: the relay is there
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") this.type = value;
    if (field === "data") {
      this.data.push(value);
      this.size += value.length;
    }
  }
}
