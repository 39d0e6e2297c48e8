// Says when what is seen is not live: since when, why, when it is tried again; and when it is back.
import { clockTime, duration } from "./format.ts";
import { Icon } from "./icons.tsx";
import { seconds, session } from "./session.ts";
import { useSignal } from "./signal.ts";

export function Banner() {
  const standing = useSignal(session.standing);
  const backUntil = useSignal(session.backUntil);
  useSignal(seconds);
  if (standing.state === "lost") {
    const wait = Math.max(0, Math.ceil((standing.nextTryMs - Date.now()) / 1000));
    return (
      <div class="banner lost">
        <Icon sign="warning" />
        <p role="status">
          <strong>No connection to the relay since {clockTime(standing.sinceMs)}</strong>: {standing.reason}.{" "}
          {session.heardMs > 0 && <>What you see is as of {clockTime(session.heardMs)}.</>}
        </p>
        {/* Not part of the message: a reader's voice need not count down. */}
        <span class="next" aria-hidden="true">{standing.trying || wait === 0 ? "Trying now…" : `Next try in ${duration(wait)}`}</span>
        <button type="button" onClick={() => session.retryNow()}>Try now</button>
      </div>
    );
  }
  if (standing.state === "live" && backUntil > Date.now()) {
    return <div class="banner back"><Icon sign="ok" /><p role="status"><strong>The relay is back.</strong> Everything is live again.</p></div>;
  }
  return null;
}
