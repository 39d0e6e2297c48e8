// Name, ways to the views, how it stands with the relay, light and dark.
import { useState } from "preact/hooks";
import { clockTime } from "./format.ts";
import { Bird, Icon } from "./icons.tsx";
import { fleetSearch, place } from "./router.ts";
import { session, type Standing } from "./session.ts";
import { useSignal } from "./signal.ts";
import { storedTheme, storeTheme, type Theme } from "./theme.ts";

const standingText: Record<Standing["state"], string> = {
  connecting: "Connecting", live: "Live", lost: "Not live", unauthorized: "Locked",
};

function ThemeSwitch() {
  const [theme, setTheme] = useState<Theme>(storedTheme);
  const choose = (next: Theme) => {
    storeTheme(next);
    setTheme(next);
    dispatchEvent(new Event("godwit-theme"));
  };
  const names: [Theme, string][] = [["system", "Colours as the system has them"], ["light", "Light"], ["dark", "Dark"]];
  return (
    <div class="views theme" role="group" aria-label="Colours">
      {names.map(([value, text]) => (
        <button key={value} type="button" aria-pressed={theme === value} aria-label={text} title={text} onClick={() => choose(value)}>
          <Icon sign={value} />
        </button>
      ))}
    </div>
  );
}

export function TopBar() {
  const { route } = useSignal(place);
  const standing = useSignal(session.standing);
  const relay = useSignal(session.relay);
  const search = useSignal(fleetSearch);
  const current = (page: string) => (route.page === page ? "page" : undefined);
  const title = relay ? `Relay ${relay.name}, version ${relay.version}, running since ${clockTime(relay.started_ms)}` : undefined;
  return (
    <header class="top">
      <a class="brand" href={`/${search}`}><Bird /><span>Godwit</span></a>
      <nav aria-label="Views">
        <a href={`/${search}`} aria-current={current("fleet")}>Fleet</a>
        <a href="/events" aria-current={current("events")}>Events</a>
      </nav>
      <span class={`standing ${standing.state}`} title={title}><span class="dot" />{standingText[standing.state]}</span>
      <ThemeSwitch />
    </header>
  );
}
