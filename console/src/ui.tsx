// The parts that pages are made of.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { type Status, sentence } from "./api";
import type { Live } from "./live";
import { channelMark, channelName, moments, time } from "./words";

const TONES: Record<string, string> = {
  accepted: "quiet",
  submitted: "quiet",
  running: "busy",
  delivered: "good",
  read: "good",
  completed: "good",
  verified: "good",
  approved: "good",
  rejected: "bad",
  undeliverable: "bad",
  error: "bad",
  failed: "bad",
};

export function Badge({ of, tone }: { of: string; tone?: string }) {
  return <span class={`badge ${tone ?? TONES[of.toLowerCase()] ?? "quiet"}`}>{of.toLowerCase()}</span>;
}

export function Channel({ of, named = true }: { of: string; named?: boolean }) {
  return (
    <span class="channel" title={channelName(of)}>
      <span class={`mark c-${of}`} aria-hidden="true">
        {channelMark(of)}
      </span>
      <span class={named ? "" : "unseen"}>{channelName(of)}</span>
    </span>
  );
}

export function Time({ at, exact = false }: { at: string | number; exact?: boolean }) {
  const moment = new Date(at);
  return (
    <time dateTime={moment.toISOString()} title={moment.toISOString()}>
      {time(at, exact)}
    </time>
  );
}

/** A sentence whose moments are told as the page tells its own. */
export function Prose({ text }: { text: string }) {
  return <>{moments(text).map((piece, number) => (number % 2 ? <Time key={number} at={piece} exact /> : piece))}</>;
}

const LADDER: Status[] = ["accepted", "submitted", "delivered", "read"];

/** ✓ for handed over, ✓✓ for delivered; coloured when read. */
export function Ticks({ status }: { status: Status }) {
  const rank = LADDER.indexOf(status);
  const text = rank < 0 ? "✕" : rank === 0 ? "◌" : rank === 1 ? "✓" : "✓✓";
  return (
    <span class={`ticks ${status}`} title={status}>
      <span aria-hidden="true">{text}</span>
      <span class="unseen">{status}</span>
    </span>
  );
}

export function Head({ title, children }: { title: string; children?: ComponentChildren }) {
  useEffect(() => {
    document.title = `${title} · Switchboard`;
  }, [title]);
  return (
    <header class="head">
      <h1 tabIndex={-1}>{title}</h1>
      <div class="tools">{children}</div>
    </header>
  );
}

export function Card({ title, children, tools, class: more = "" }: {
  title?: string;
  children: ComponentChildren;
  tools?: ComponentChildren;
  class?: string;
}) {
  const id = useId();
  return (
    <section class={`card ${more}`} {...(title ? { "aria-labelledby": id } : {})}>
      {title && (
        <div class="card-head">
          <h2 id={id} tabIndex={-1}>
            {title}
          </h2>
          {tools}
        </div>
      )}
      {children}
    </section>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

/** What is not there yet. */
export function Loading() {
  return <p class="empty">Loading …</p>;
}

export function Trouble({ text }: { text: string }) {
  return text ? (
    <p class="trouble" role="alert">
      {text}
    </p>
  ) : null;
}

/** What could not be loaded, of when the shown is that was there before, and another try. */
export function Stale({ of, what }: { of: Omit<Live<unknown>, "data">; what: string }) {
  if (!of.error) return null;
  return (
    <div class="trouble stale">
      <p role="alert">
        {what} could not be loaded{of.at ? " again" : ""}. {of.error}
        {of.at > 0 && (
          <>
            {" "}
            What is shown is of <Time at={of.at} exact />.
          </>
        )}
      </p>
      <Action tone="small" label={`Retry: ${what}`} run={async () => of.again()}>
        Retry
      </Action>
    </div>
  );
}

export function Field({ label, children, hint, fault = "" }: {
  label: string;
  hint?: string;
  fault?: string;
  children: (known: { id: string; "aria-invalid"?: true; "aria-describedby"?: string }) => ComponentChildren;
}) {
  const id = useId();
  const about = [hint ? `${id}-hint` : "", fault ? `${id}-fault` : ""].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({
        id,
        ...(fault ? { "aria-invalid": true as const } : {}),
        ...(about ? { "aria-describedby": about } : {}),
      })}
      {hint && <small id={`${id}-hint`}>{hint}</small>}
      {fault && (
        <small id={`${id}-fault`} class="fault">
          {fault}
        </small>
      )}
    </div>
  );
}

interface InputProps {
  label: string;
  hint?: string;
  fault?: string;
  value: string;
  set: (value: string) => void;
  type?: "text" | "password" | "url" | "search" | "number";
  name?: string;
  autocomplete?: string;
  placeholder?: string;
  inputMode?: "numeric";
  min?: number;
  required?: boolean;
}

export function Input({ label, hint, fault, value, set, ...more }: InputProps) {
  const attributes: object = more; // which of them go together depends on the type, says its type
  return (
    <Field label={label} {...(hint ? { hint } : {})} {...(fault ? { fault } : {})}>
      {(known) => <input {...known} value={value} onInput={(event) => set(event.currentTarget.value)} {...attributes} />}
    </Field>
  );
}

export function Select({ label, value, set, options, fault, disabled = false }: {
  label: string;
  value: string;
  set: (value: string) => void;
  options: [value: string, name: string][];
  fault?: string;
  disabled?: boolean;
}) {
  return (
    <Field label={label} {...(fault ? { fault } : {})}>
      {(known) => (
        <select {...known} value={value} disabled={disabled} onChange={(event) => set(event.currentTarget.value)}>
          {options.map(([one, name]) => (
            <option key={one} value={one}>
              {name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** What is asked before something that cannot be taken back. */
export interface Question {
  title: string;
  text: string;
  yes: string;
  no: string;
}

/** Where the reader goes on when the button that was pressed is gone: at the heading of what it stood in. */
function goOn(place: Element | null): void {
  if (document.activeElement && document.activeElement !== document.body) return;
  const heading = place?.isConnected ? place.querySelector<HTMLElement>("h2[tabindex]") : null;
  (heading ?? document.querySelector<HTMLElement>("h1"))?.focus();
}

/**
 * A button for what takes a moment: it cannot be pressed twice, and says what went wrong. It is never `disabled`,
 * which would take the focus away from under who pressed it.
 */
export function Action({ children, run, tone = "", asks, disabled = false, label }: {
  children: ComponentChildren;
  run: () => Promise<unknown>;
  tone?: string;
  asks?: Question;
  disabled?: boolean;
  label?: string;
}) {
  const [busy, setBusy] = useState(false);
  const [asked, setAsked] = useState(false);
  const [error, setError] = useState("");
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => () => {
    const own = button.current;
    if (!own || document.activeElement !== own) return;
    const place = own.closest("section");
    setTimeout(() => goOn(place));
  }, []);
  const start = async () => {
    setBusy(true);
    setError("");
    try {
      await run();
    } catch (problem) {
      setError(sentence(problem));
    }
    setBusy(false);
  };
  const press = () => {
    if (busy || disabled) return;
    if (asks) setAsked(true);
    else void start();
  };
  const answered = (yes: boolean) => {
    setAsked(false);
    button.current?.focus();
    if (yes) void start();
  };
  return (
    <span class="action">
      <button
        type="button"
        ref={button}
        class={tone}
        aria-disabled={busy || disabled}
        aria-busy={busy}
        aria-label={label}
        aria-haspopup={asks ? "dialog" : undefined}
        onClick={press}
      >
        {children}
      </button>
      {asks && asked && <Asked question={asks} answer={answered} />}
      <Trouble text={error} />
    </span>
  );
}

function Asked({ question, answer }: { question: Question; answer: (yes: boolean) => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [title, text] = [useId(), useId()];
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={title}
      aria-describedby={text}
      onClose={(event) => answer(event.currentTarget.returnValue === "yes")} // by Escape too, with no value
    >
      <h2 id={title}>{question.title}</h2>
      <p id={text}>{question.text}</p>
      <p class="buttons">
        <button type="button" autofocus onClick={() => dialog.current?.close()}>
          {question.no}
        </button>
        {/* Not by the second click of two that were meant for what was here before. */}
        <button type="button" class="danger" onClick={(event) => event.detail < 2 && dialog.current?.close("yes")}>
          {question.yes}
        </button>
      </p>
    </dialog>
  );
}

export function Copy({ text, what }: { text: string; what: string }) {
  const [said, setSaid] = useState("");
  const say = (words: string) => {
    setSaid(words);
    setTimeout(() => setSaid(""), 1500);
  };
  return (
    <button
      type="button"
      class="small"
      aria-label={`Copy ${what}`}
      onClick={() => {
        const written = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("no clipboard"));
        written.then(() => say("Copied"), () => say("Not copied"));
      }}
    >
      <span aria-live="polite">{said || "Copy"}</span>
    </button>
  );
}

const KEYS: Record<string, number> = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** Arrow keys go from one to the next, Tab goes past them all. */
export function Tabs({ label, names, chosen, choose }: {
  label: string;
  names: [value: string, name: string][];
  chosen: string;
  choose: (value: string) => void;
}) {
  const move = (event: KeyboardEvent) => {
    const by = KEYS[event.key];
    if (!by) return;
    event.preventDefault();
    const at = names.findIndex(([value]) => value === chosen);
    const next = (at + by + names.length) % names.length;
    const row = (event.currentTarget as HTMLElement).parentElement!;
    (row.children[next] as HTMLElement).focus();
    choose(names[next]![0]);
  };
  return (
    <div class="tabs" role="radiogroup" aria-label={label}>
      {names.map(([value, name]) => (
        <button
          key={value}
          type="button"
          role="radio"
          aria-checked={value === chosen}
          tabIndex={value === chosen ? 0 : -1}
          onKeyDown={move}
          onClick={() => choose(value)}
        >
          {name}
        </button>
      ))}
    </div>
  );
}
