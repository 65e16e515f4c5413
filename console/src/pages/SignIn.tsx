import { useEffect, useRef, useState } from "preact/hooks";
import { ended, signIn, wasIn } from "../session";
import { Input, Trouble } from "../ui";

export function SignIn() {
  const [key, setKey] = useState("");
  const [secret, setSecret] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = "Sign in · Switchboard";
    if (wasIn()) heading.current?.focus(); // what had the focus is gone
  }, []);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError("");
    try {
      setError(await signIn(key.trim(), secret));
    } catch {
      setError("There is no connection. Try again.");
    }
    setBusy(false);
  };
  return (
    <main class="sign-in">
      <form class="card" onSubmit={submit}>
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="8" />
          <circle cx="9" cy="10" r="3" />
          <circle cx="23" cy="22" r="3" />
          <path d="M9 10v5a3 3 0 0 0 3 3h8a3 3 0 0 1 3 3" />
        </svg>
        <h1 ref={heading} tabIndex={-1}>
          Switchboard
        </h1>
        <p class="quiet-text">
          {ended.value ? "The session is over. Sign in again." : "With the API key and secret of this account."}
        </p>
        <Input label="API key" name="key" autocomplete="username" required value={key} set={setKey} />
        <Input
          label="API secret"
          name="secret"
          type="password"
          autocomplete="current-password"
          required
          value={secret}
          set={setSecret}
        />
        <Trouble text={error} />
        <button type="submit" class="primary" aria-disabled={busy} aria-busy={busy}>
          Sign in
        </button>
        {["127.0.0.1", "localhost"].includes(location.hostname) && (
          <p class="quiet-text">On the local stack: localkey and localsecret, unless you chose others.</p>
        )}
      </form>
    </main>
  );
}
