import { render } from "preact";
import { lazy, Suspense } from "preact/compat";
import { useEffect, useRef, useState } from "preact/hooks";
import { handsets } from "./api";
import { href, route } from "./router";
import { resume, signOut, state } from "./session";
import { Accounts } from "./pages/Accounts";
import { Applications } from "./pages/Applications";
import { Compose } from "./pages/Compose";
import { Dispatches } from "./pages/Dispatches";
import { Handsets } from "./pages/Handsets";
import { Messages } from "./pages/Messages";
import { Overview } from "./pages/Overview";
import { SignIn } from "./pages/SignIn";
import { Templates } from "./pages/Templates";
import { Webhooks } from "./pages/Webhooks";

const Insights = lazy(() => import("./pages/Insights"));

const PAGES: Record<string, [name: string, page: () => preact.JSX.Element]> = {
  overview: ["Overview", Overview],
  messages: ["Messages", Messages],
  dispatches: ["Dispatches", Dispatches],
  compose: ["Compose", Compose],
  handsets: ["Handsets", Handsets],
  insights: ["Insights", () => <Insights />],
  applications: ["Applications", Applications],
  accounts: ["Accounts & senders", Accounts],
  templates: ["Templates", Templates],
  webhooks: ["Webhooks", Webhooks],
};

function Shell() {
  const [open, setOpen] = useState(false);
  const [local, setLocal] = useState(false);
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const { page, id } = route.value;
  useEffect(() => {
    handsets().then((found) => setLocal(found !== null), () => setLocal(false));
  }, []);
  useEffect(() => {
    setOpen(false);
    // Who reads by ear hears that the page is another one.
    if (!first.current) main.current?.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
    first.current = false;
    scrollTo(0, 0);
  }, [page, id]);
  const [, Page] = (Object.hasOwn(PAGES, page) && PAGES[page]) || PAGES.overview!;
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>
        Skip to the page
      </a>
      <header class="bar">
        <a class="brand" href={href("overview")}>
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <rect width="32" height="32" rx="8" />
            <circle cx="9" cy="10" r="3" />
            <circle cx="23" cy="22" r="3" />
            <path d="M9 10v5a3 3 0 0 0 3 3h8a3 3 0 0 1 3 3" />
          </svg>
          Switchboard
        </a>
        <button type="button" class="menu" aria-expanded={open} aria-controls="nav" onClick={() => setOpen(!open)}>
          Menu
        </button>
        <nav id="nav" class={open ? "open" : ""} aria-label="Pages">
          {Object.entries(PAGES).map(([key, [name]]) =>
            key === "handsets" && !local ? null : (
              <a key={key} href={href(key)} aria-current={key === page ? "page" : undefined}>
                {name}
              </a>
            ),
          )}
          <button type="button" class="plain" onClick={() => void signOut()}>
            Sign out
          </button>
        </nav>
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        <Suspense fallback={<p class="empty">Loading …</p>}>
          <Page key={page} />
        </Suspense>
      </main>
    </div>
  );
}

function App() {
  useEffect(() => {
    void resume().then((ok) => ok || (state.value = "out"));
  }, []);
  if (state.value === "unknown") return <p class="empty">…</p>;
  return state.value === "in" ? <Shell /> : <SignIn />;
}

render(<App />, document.getElementById("app")!);
