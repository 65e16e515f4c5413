import { Component, type ComponentChildren, type JSX, render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { handsets } from "./api";
import { href, route } from "./router";
import { resume, signOut, state } from "./session";
import { Accounts } from "./pages/Accounts";
import { Applications } from "./pages/Applications";
import { Dispatches } from "./pages/Dispatches";
import { Handsets } from "./pages/Handsets";
import { Messages } from "./pages/Messages";
import { Overview } from "./pages/Overview";
import { SignIn } from "./pages/SignIn";
import { Templates } from "./pages/Templates";
import { Webhooks } from "./pages/Webhooks";
import { Head, Loading } from "./ui";

/** A page whose file comes when it is wanted, and is asked for at every visit until it came. */
function later(title: string, load: () => Promise<{ default: () => JSX.Element }>): () => JSX.Element {
  let Page: (() => JSX.Element) | null = null;
  return function Later() {
    const [isMissing, setMissing] = useState(false);
    const [, setThere] = useState(Page !== null);
    useEffect(() => {
      if (Page) return;
      load().then(
        (file) => {
          Page = file.default;
          const wasHere = document.activeElement?.tagName === "H1"; // who came by keyboard reads on
          setThere(true);
          if (wasHere) setTimeout(() => document.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true }));
        },
        () => setMissing(true),
      );
    }, []);
    if (Page) return <Page />;
    return (
      <>
        <Head title={title} />
        {isMissing ? (
          <Reload>This page could not be loaded: there is no connection, or there is a newer console.</Reload>
        ) : (
          <Loading />
        )}
      </>
    );
  };
}

const Compose = later("Compose", () => import("./pages/Compose"));
const Insights = later("Insights", () => import("./pages/Insights"));

function Reload({ children }: { children: ComponentChildren }) {
  return (
    <div class="trouble stale">
      <p role="alert">{children}</p>
      <button type="button" class="small" onClick={() => location.reload()}>
        Reload
      </button>
    </div>
  );
}

/** A fault of one page leaves the others. */
class Guard extends Component<{ children: ComponentChildren }, { failed: boolean }> {
  override state = { failed: false };
  override componentDidCatch(error: unknown) {
    console.error(error);
    this.setState({ failed: true });
  }
  render() {
    if (!this.state.failed) return this.props.children;
    return (
      <>
        <Head title="A fault" />
        <Reload>This page has a fault of its own. What was sent is not touched by it.</Reload>
      </>
    );
  }
}

const PAGES: Record<string, [name: string, page: () => JSX.Element]> = {
  overview: ["Overview", Overview],
  messages: ["Messages", Messages],
  dispatches: ["Dispatches", Dispatches],
  compose: ["Compose", Compose],
  handsets: ["Handsets", Handsets],
  insights: ["Insights", Insights],
  applications: ["Applications", Applications],
  accounts: ["Accounts & senders", Accounts],
  templates: ["Templates", Templates],
  webhooks: ["Webhooks", Webhooks],
};

function Shell() {
  const [open, setOpen] = useState(false);
  const [local, setLocal] = useState(false);
  const main = useRef<HTMLElement>(null);
  const menu = useRef<HTMLButtonElement>(null);
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
  const close = (event: KeyboardEvent) => {
    if (!open || event.key !== "Escape") return;
    setOpen(false);
    menu.current?.focus();
  };
  const [, Page] = (Object.hasOwn(PAGES, page) && PAGES[page]) || PAGES.overview!;
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>
        Skip to the page
      </a>
      <header class="bar" onKeyDown={close}>
        <a class="brand" href={href("overview")}>
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <rect width="32" height="32" rx="8" />
            <circle cx="9" cy="10" r="3" />
            <circle cx="23" cy="22" r="3" />
            <path d="M9 10v5a3 3 0 0 0 3 3h8a3 3 0 0 1 3 3" />
          </svg>
          Switchboard
        </a>
        <button type="button" class="menu" ref={menu} aria-expanded={open} aria-controls="nav" onClick={() => setOpen(!open)}>
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
        <Guard key={page}>
          <Page />
        </Guard>
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
