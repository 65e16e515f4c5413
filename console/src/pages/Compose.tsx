import { useEffect, useState } from "preact/hooks";
import { Problem, type Rehearsal, optional, send } from "../api";
import { go, href, route } from "../router";
import { Action, Card, Channel, Copy, Field, Head, Input, Select, Tabs, Trouble } from "../ui";
import { CHANNELS, channelName, price, span } from "../words";
import { program } from "./programs";
import { segments } from "./segments";

export interface Draft {
  key: number;
  channel: string;
  from: string;
  to: string;
  kind: "text" | "image" | "template";
  text: string;
  url: string;
  until: "delivered" | "read";
  seconds: string;
}

const SENDERS: Record<string, string> = { messenger: "1070830641", whatsapp: "447700900200", sms: "Acme", viber_service_msg: "Acme", rcs: "Acme" };
/** The phones of the local stack's screen. */
const ADA: Record<string, string> = { messenger: "3958010700", telegram: "700900700" };
const isLocal = ["127.0.0.1", "localhost"].includes(location.hostname);

/** Warnings that are no trouble. */
const QUIET = ["sender_not_registered", "price_unknown"];

let keys = 0;
function draft(channel: string, seconds = "30"): Draft {
  const reads = CHANNELS[channel]?.proves.includes("read");
  return {
    key: keys++,
    channel,
    from: isLocal ? (SENDERS[channel] ?? "447700900200") : "",
    to: isLocal ? (ADA[channel] ?? "447700900700") : "",
    kind: CHANNELS[channel]?.text ? "text" : "image",
    text: "Your parcel arrives today between 3 and 4.",
    url: "",
    until: reads ? "read" : "delivered",
    seconds,
  };
}

const party = (channel: string, end: "sender" | "recipient", value: string) => ({
  type: channel,
  [CHANNELS[channel]?.[end] ?? "number"]: value,
});

function content(one: Draft): unknown {
  if (one.kind === "image") return { type: "image", image: { url: one.url, ...(one.text ? { caption: one.text } : {}) } };
  if (one.kind === "template") return { type: "template", template: { name: one.text, parameters: [] } };
  return { type: "text", text: one.text };
}

const message = (one: Draft) => ({
  from: party(one.channel, "sender", one.from),
  to: party(one.channel, "recipient", one.to),
  message: { content: content(one) },
});

export function body(steps: Draft[], isDispatch: boolean): unknown {
  if (!isDispatch) return message(steps[0]!);
  return {
    template: "failover",
    workflow: steps.map((one, number) => ({
      ...message(one),
      ...(number < steps.length - 1
        ? { failover: { expiry_time: Number(one.seconds), condition_status: one.until } }
        : {}),
    })),
  };
}

/** What can be said without asking. */
function local(steps: Draft[], isDispatch: boolean): string[] {
  const found: string[] = [];
  steps.forEach((one, number) => {
    const at = isDispatch ? `Step ${number + 1}` : channelName(one.channel);
    const limit = CHANNELS[one.channel]?.text ?? 0;
    if (one.kind === "text" && limit && one.text.length > limit) found.push(`${at}: the text is longer than ${limit} characters.`);
    if (isDispatch && number < steps.length - 1 && !CHANNELS[one.channel]?.proves.includes(one.until)) {
      found.push(`${at}: ${channelName(one.channel)} cannot prove that something was ${one.until}. It will always run out of time.`);
    }
  });
  return found;
}

function lacks(steps: Draft[], isDispatch: boolean): string {
  for (const [number, one] of steps.entries()) {
    const at = isDispatch ? `Step ${number + 1}: ` : "";
    if (!one.from) return `${at}who is it from?`;
    if (!one.to) return `${at}who is it to?`;
    if (one.kind === "image" ? !one.url : !one.text) return `${at}what does it say?`;
    if (isDispatch && number < steps.length - 1 && !(Number(one.seconds) >= 1)) return `${at}how many seconds?`;
  }
  return "";
}

export function Compose() {
  const { query } = route.value;
  const isDispatch = query.kind === "dispatch";
  const [steps, setSteps] = useState<Draft[]>(() =>
    isDispatch ? [draft("messenger"), draft("viber_service_msg"), draft("sms")] : [draft("sms")],
  );
  const shown = isDispatch ? steps : steps.slice(0, 1);
  const [faults, setFaults] = useState<{ name: string; reason: string }[]>([]);
  const [rehearsal, setRehearsal] = useState<Rehearsal | null>(null);
  const wanted = JSON.stringify(body(shown, isDispatch));
  const missing = lacks(shown, isDispatch);
  const path = isDispatch ? "/v0.1/dispatch" : "/v0.1/messages";

  // Ask for a rehearsal when the typing has stopped.
  useEffect(() => {
    setFaults([]);
    if (missing) return setRehearsal(null);
    let stopped = false;
    const timer = setTimeout(async () => {
      try {
        const found = await optional(send<Rehearsal>("POST", `${path}/dry-run`, JSON.parse(wanted)));
        if (!stopped) setRehearsal(found);
      } catch (error) {
        if (!stopped && error instanceof Problem) {
          setRehearsal(null);
          setFaults(error.faults.length ? error.faults : [{ name: "", reason: error.message }]);
        }
      }
    }, 500);
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [wanted, missing]);

  const change = (key: number) => (update: Partial<Draft>) =>
    setSteps(steps.map((one) => (one.key === key ? { ...one, ...update } : one)));
  const move = (number: number, by: number) => {
    const moved = [...steps];
    moved.splice(number + by, 0, ...moved.splice(number, 1));
    setSteps(moved);
  };
  const submit = async () => {
    try {
      const answer = await send<{ message_uuid?: string; dispatch_uuid?: string }>("POST", path, JSON.parse(wanted));
      if (query.to === "handsets") go("handsets");
      else if (answer.dispatch_uuid) go("dispatches", answer.dispatch_uuid);
      else go("messages", answer.message_uuid ?? "");
    } catch (error) {
      if (error instanceof Problem) setFaults(error.faults);
      throw error;
    }
  };
  const said = (quiet: boolean) =>
    (rehearsal?.warnings ?? [])
      .filter(({ code }) => QUIET.includes(code) === quiet)
      .map(({ step, text }) => (isDispatch && step !== null ? `Step ${step + 1}: ${text}` : text));
  const warnings = rehearsal ? said(false) : local(shown, isDispatch);
  const notes = said(true);
  return (
    <>
      <Head title="Compose">
        <Tabs
          label="What"
          names={[["message", "Message"], ["dispatch", "Dispatch"]]}
          chosen={isDispatch ? "dispatch" : "message"}
          choose={(kind) => {
            if (kind === "dispatch" && steps.length === 1) setSteps([...steps, draft("sms")]);
            go("compose", "", { ...query, kind });
          }}
        />
      </Head>
      <div class="two wide">
        <div>
          {shown.map((one, number) => (
            <StepForm
              key={one.key}
              step={one}
              number={number}
              of={shown.length}
              isDispatch={isDispatch}
              faults={faults.filter((fault) => !isDispatch || fault.name.startsWith(`workflow[${number}]`))}
              change={change(one.key)}
              move={(by) => move(number, by)}
              remove={() => setSteps(steps.filter((other) => other.key !== one.key))}
            />
          ))}
          {isDispatch && (
            <button type="button" class="add-step" onClick={() => setSteps([...steps, draft("sms")])}>
              + Another step
            </button>
          )}
        </div>
        <div class="sticky">
          <Card title="On the phone">
            <Preview steps={shown} />
          </Card>
          <Card title="Before you send">
            <dl class="facts" aria-live="polite">
              {shown.filter((one) => one.channel === "sms" && one.kind === "text").map((one) => (
                <Segments key={one.key} text={one.text} />
              ))}
              {rehearsal && (
                <>
                  <dt>Price</dt>
                  <dd>{prices(rehearsal.price)}</dd>
                </>
              )}
            </dl>
            {isDispatch && rehearsal && <Timeline steps={shown} rehearsal={rehearsal} />}
            {warnings.map((text) => (
              <p key={text} class="warning">
                {text}
              </p>
            ))}
            {notes.length > 0 && (
              <details class="notes">
                <summary>
                  {notes.length} {notes.length === 1 ? "note" : "notes"}
                </summary>
                <ul>
                  {notes.map((text) => (
                    <li key={text}>{text}</li>
                  ))}
                </ul>
              </details>
            )}
            {faults.length > 0 && !faults.some((fault) => fault.name.startsWith("workflow[")) && (
              <Trouble text={faults.map((fault) => `${fault.name} ${fault.reason}`.trim()).join("; ")} />
            )}
            {missing && <p class="quiet-text">{missing}</p>}
            <Action tone="primary" disabled={Boolean(missing)} run={submit}>
              {isDispatch ? "Start the dispatch" : "Send the message"}
            </Action>
            {isLocal && (
              <p class="quiet-text">
                It goes to the <a href={href("handsets")}>phones on the screen</a>, unless you change the recipient.
              </p>
            )}
          </Card>
          <Programs body={wanted} path={path} isDispatch={isDispatch} />
        </div>
      </div>
    </>
  );
}

function prices({ floor, ceiling, currency }: Rehearsal["price"]): string {
  const one = (value: string | null) => (value === null ? "not known" : price({ price: value, currency }));
  if (floor === ceiling) return one(floor);
  return ceiling === null ? `${one(floor)} or more` : `${one(floor ?? "0")} to ${one(ceiling)}`;
}

/** When the steps can begin, if each takes its whole time. */
function Timeline({ steps, rehearsal }: { steps: Draft[]; rehearsal: Rehearsal }) {
  return (
    <ol class="explained">
      {rehearsal.timeline.map((one) => {
        const step = steps[one.step];
        return step ? (
          <li key={one.step}>
            <Channel of={step.channel} />{" "}
            <small>{one.latest ? `after ${span(one.latest * 1000)} at the latest` : "at once"}</small>
          </li>
        ) : null;
      })}
    </ol>
  );
}

function Segments({ text }: { text: string }) {
  const { encoding, parts, left } = segments(text);
  return (
    <>
      <dt>SMS</dt>
      <dd>
        {parts} {parts === 1 ? "segment" : "segments"}, {encoding}, {left} characters left
      </dd>
    </>
  );
}

function StepForm({ step, number, of, isDispatch, faults, change, move, remove }: {
  step: Draft;
  number: number;
  of: number;
  isDispatch: boolean;
  faults: { name: string; reason: string }[];
  change: (update: Partial<Draft>) => void;
  move: (by: number) => void;
  remove: () => void;
}) {
  const types = CHANNELS[step.channel]?.types ?? [];
  const kinds = (["text", "image", "template"] as const).filter((kind) => types.includes(kind));
  const isLast = number === of - 1;
  const capability = CHANNELS[step.channel];
  const label = isDispatch ? `Step ${number + 1}` : "Message";
  return (
    <Card
      title={label}
      class="step-form"
      tools={
        isDispatch && of > 1 ? (
          <span class="buttons">
            <button type="button" class="small" disabled={number === 0} aria-label={`Move step ${number + 1} up`} onClick={() => move(-1)}>
              ↑
            </button>
            <button type="button" class="small" disabled={isLast} aria-label={`Move step ${number + 1} down`} onClick={() => move(1)}>
              ↓
            </button>
            <button type="button" class="small" aria-label={`Remove step ${number + 1}`} onClick={remove}>
              Remove
            </button>
          </span>
        ) : undefined
      }
    >
      <div class="grid">
        <Select
          label="Channel"
          value={step.channel}
          set={(channel) => {
            const fresh = draft(channel, step.seconds);
            change({ ...fresh, key: step.key, text: step.text });
          }}
          options={Object.keys(CHANNELS).map((one) => [one, channelName(one)])}
        />
        <Input label={capability?.sender === "id" ? "From (id)" : "From"} value={step.from} set={(from) => change({ from })} />
        <Input label={capability?.recipient === "id" ? "To (id)" : "To"} value={step.to} set={(to) => change({ to })} />
      </div>
      {kinds.length > 1 && (
        <Tabs
          label={`${label}: content`}
          names={kinds.map((kind) => [kind, kind])}
          chosen={step.kind}
          choose={(kind) => change({ kind: kind as Draft["kind"] })}
        />
      )}
      {step.kind === "image" && <Input label="Address of the image" type="url" placeholder="https://" value={step.url} set={(url) => change({ url })} />}
      {step.kind === "template" ? (
        <Input label="Name of the template" value={step.text} set={(text) => change({ text })} />
      ) : (
        <Field label={step.kind === "image" ? "Caption" : "Text"}>
          {(id) => <textarea id={id} rows={3} value={step.text} onInput={(event) => change({ text: event.currentTarget.value })} />}
        </Field>
      )}
      {isDispatch && !isLast && (
        <div class="grid failover">
          <Select
            label="Go on unless it is"
            value={step.until}
            set={(until) => change({ until: until as Draft["until"] })}
            options={[["delivered", "delivered"], ["read", "read"]]}
          />
          <Input label="within seconds" type="number" min={1} value={step.seconds} set={(seconds) => change({ seconds })} />
        </div>
      )}
      <Trouble text={faults.map((fault) => `${fault.name.replace(/^workflow\[\d+\]\.?/, "")} ${fault.reason}`).join("; ")} />
    </Card>
  );
}

function Preview({ steps }: { steps: Draft[] }) {
  return (
    <div class="previews">
      {steps.map((one) => (
        <div key={one.key} class="preview">
          <Channel of={one.channel} />
          <div class="bubble theirs">
            {one.kind === "image" && <span class="picture">▣ {one.url.split("/").pop() || "image"}</span>}
            {one.text && <p>{one.kind === "template" ? `[${one.text}]` : one.text}</p>}
            <small>{one.from}</small>
          </div>
        </div>
      ))}
    </div>
  );
}

function Programs({ body, path, isDispatch }: { body: string; path: string; isDispatch: boolean }) {
  const [language, setLanguage] = useState("curl");
  const text = program(language, path, JSON.parse(body), isDispatch);
  return (
    <Card title="The same by program" tools={<Copy text={text} what="the program" />}>
      <Tabs
        label="Language"
        names={[["curl", "curl"], ["node", "Node"], ["python", "Python"]]}
        chosen={language}
        choose={setLanguage}
      />
      <pre tabIndex={0} aria-label={`Program in ${language}`}>
        {text}
      </pre>
    </Card>
  );
}
