// Asks for the relay's token.
import { useState } from "preact/hooks";
import { hasToken, storeToken } from "./api.ts";
import { session } from "./session.ts";

export function TokenForm() {
  const [token, setToken] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    if (token.trim() === "") return;
    storeToken(token.trim());
    session.restart();
  };
  return (
    <main class="token">
      <form onSubmit={submit}>
        <h1 tabIndex={-1}>This relay asks for a token</h1>
        {hasToken() && <p class="refusal" role="alert">The relay did not accept the token.</p>}
        <label for="token">Token</label>
        <input id="token" type="password" autocomplete="current-password" required value={token}
          onInput={(e) => setToken(e.currentTarget.value)} />
        <button type="submit">Show the fleet</button>
        <p class="hint">It is in the file that the relay's setting <code>web.auth.bearer_token_file</code> names. This tab keeps it until
          it is closed.</p>
      </form>
    </main>
  );
}
