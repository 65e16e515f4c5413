// The parts that pages are made of.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Status } from "./api";
import { channelMark, channelName, time } from "./words";

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

export function Time({ at }: { at: string | number }) {
  const moment = new Date(at);
  return (
    <time dateTime={moment.toISOString()} title={moment.toISOString()}>
      {time(at)}
    </time>
  );
}

const LADDER: Status[] = ["accepted", "submitted", "delivered", "read"];

/** ✓ for handed over, ✓✓ for delivered; coloured when read. */
export function Ticks({ status }: { status: Status }) {
  const rank = LADDER.indexOf(status);
  const text = rank < 0 ? "✕" : rank === 0 ? "◌" : rank === 1 ? "✓" : "✓✓";
  return (
    <span class={`ticks ${status}`} role="img" aria-label={status}>
      {text}
    </span>
  );
}

export function Head({ title, children }: { title: string; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Switchboard`;
  }, [title]);
  return (
    <header class="head">
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
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
          <h2 id={id}>{title}</h2>
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

export function Trouble({ text }: { text: string }) {
  return text ? (
    <p class="trouble" role="alert">
      {text}
    </p>
  ) : null;
}

export function Field({ label, children, hint }: {
  label: string;
  hint?: string;
  children: (id: string) => ComponentChildren;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(id)}
      {hint && <small>{hint}</small>}
    </div>
  );
}

interface InputProps {
  label: string;
  hint?: string;
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

export function Input({ label, hint, value, set, ...more }: InputProps) {
  const attributes: object = more; // which of them go together depends on the type, says its type
  return (
    <Field label={label} {...(hint ? { hint } : {})}>
      {(id) => <input id={id} value={value} onInput={(event) => set(event.currentTarget.value)} {...attributes} />}
    </Field>
  );
}

export function Select({ label, value, set, options, disabled = false }: {
  label: string;
  value: string;
  set: (value: string) => void;
  options: [value: string, name: string][];
  disabled?: boolean;
}) {
  return (
    <Field label={label}>
      {(id) => (
        <select id={id} value={value} disabled={disabled} onChange={(event) => set(event.currentTarget.value)}>
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

/** A button for what takes a moment: it cannot be pressed twice, and says what went wrong. */
export function Action({ children, run, tone = "", confirm: asks = "", disabled = false, label }: {
  children: ComponentChildren;
  run: () => Promise<unknown>;
  tone?: string;
  confirm?: string;
  disabled?: boolean;
  label?: string;
}) {
  const [busy, setBusy] = useState(false);
  const [asked, setAsked] = useState(false);
  const [error, setError] = useState("");
  const press = async () => {
    if (asks && !asked) {
      setAsked(true);
      return;
    }
    setAsked(false);
    setBusy(true);
    setError("");
    try {
      await run();
    } catch (problem) {
      setError(problem instanceof Error ? problem.message : String(problem));
    }
    setBusy(false);
  };
  return (
    <span class="action">
      <button
        type="button"
        class={tone}
        disabled={busy || disabled}
        aria-label={asked ? undefined : label}
        onClick={press}
        onBlur={() => setAsked(false)}
      >
        {asked ? asks : children}
      </button>
      <Trouble text={error} />
    </span>
  );
}

export function Copy({ text, what }: { text: string; what: string }) {
  const [done, setDone] = useState(false);
  return (
    <button
      type="button"
      class="small"
      aria-label={`Copy ${what}`}
      onClick={() => {
        void navigator.clipboard?.writeText(text).then(() => setDone(true));
        setTimeout(() => setDone(false), 1500);
      }}
    >
      {done ? "Copied" : "Copy"}
    </button>
  );
}

/** Arrow keys go from one to the next, Tab goes past them all. */
export function Tabs({ label, names, chosen, choose }: {
  label: string;
  names: [value: string, name: string][];
  chosen: string;
  choose: (value: string) => void;
}) {
  const move = (event: KeyboardEvent) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!by) return;
    event.preventDefault();
    const at = names.findIndex(([value]) => value === chosen);
    const next = names[(at + by + names.length) % names.length]!;
    choose(next[0]);
    const row = (event.currentTarget as HTMLElement).parentElement!;
    requestAnimationFrame(() => row.querySelector<HTMLElement>('[aria-checked="true"]')?.focus());
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
