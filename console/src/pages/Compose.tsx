import { useEffect, useState } from "preact/hooks";
import { type Fault, handsets, Problem, type Rehearsal, optional, send, sentence } from "../api";
import { useLive } from "../live";
import { go, href, route } from "../router";
import { Action, Card, Channel, Copy, Field, Head, Input, Select, Tabs, Trouble } from "../ui";
import { CHANNELS, channelName, count, price, span } from "../words";
import {
  body, carry, change, type Draft, draft, drafts, type FieldName, isLocal, type Kind, kinds, lacks, moved, place,
  provable, startOver, warnings,
} from "./drafts";
import { program } from "./programs";
import { segments } from "./segments";

/** Warnings that are no trouble. */
const QUIET = ["sender_not_registered", "price_unknown"];
/** Of the page's own: it says so at the step. */
const KNOWN = ["condition_not_provable"];

/** What the API found wrong, for people: by field where the page has it, the rest as sentences; each once. */
function sorted(faults: Fault[], isDispatch: boolean) {
  const steps: Partial<Record<FieldName, string>>[] = [];
  const others = new Set<string>();
  for (const { name, reason } of faults) {
    const at = place(name);
    if (at?.field) (steps[at.step] ??= {})[at.field] ??= `It ${reason}.`;
    else if (at && isDispatch) others.add(`Step ${at.step + 1} ${reason}.`);
    else others.add(name ? `The ${isDispatch ? "dispatch" : "message"} ${reason}.` : reason);
  }
  return { steps, others: [...others] };
}

export default function Compose() {
  const { query } = route.value;
  const isDispatch = query.kind === "dispatch";
  const what = isDispatch ? "dispatch" : "message";
  const steps = drafts.value[what];
  const set = (changed: Draft[]) => change(what, changed);
  const [faults, setFaults] = useState<Fault[]>([]);
  const [rehearsal, setRehearsal] = useState<Rehearsal | null>(null);
  const [unasked, setUnasked] = useState("");
  const [round, setRound] = useState(0);
  const wanted = JSON.stringify(body(steps, isDispatch));
  const missing = lacks(steps, isDispatch);
  const path = isDispatch ? "/v0.1/dispatch" : "/v0.1/messages";

  // Ask for a rehearsal when the typing has stopped.
  useEffect(() => {
    setFaults([]);
    setUnasked("");
    if (missing) return setRehearsal(null);
    let stopped = false;
    const timer = setTimeout(async () => {
      try {
        const found = await optional(send<Rehearsal>("POST", `${path}/dry-run`, JSON.parse(wanted)));
        if (!stopped) setRehearsal(found);
      } catch (error) {
        if (stopped) return;
        setRehearsal(null);
        if (error instanceof Problem && error.faults.length) setFaults(error.faults);
        else setUnasked(`It could not be tried without sending it. ${sentence(error)}`);
      }
    }, 500);
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [wanted, missing, round]);

  const update = (key: number) => (changed: Partial<Draft>) =>
    set(steps.map((one) => (one.key === key ? { ...one, ...changed } : one)));
  const move = (number: number, by: number) => {
    const reordered = [...steps];
    reordered.splice(number + by, 0, ...reordered.splice(number, 1));
    set(reordered);
  };
  const submit = async () => {
    let answer: { message_uuid?: string; dispatch_uuid?: string };
    try {
      answer = await send("POST", path, JSON.parse(wanted));
    } catch (error) {
      if (!(error instanceof Problem) || !error.faults.length) throw error;
      setFaults(error.faults);
      throw new Problem(error.status, "It was not taken: see what is marked.");
    }
    if (query.to === "handsets") go("handsets");
    else if (answer.dispatch_uuid) go("dispatches", answer.dispatch_uuid);
    else go("messages", answer.message_uuid ?? "");
  };
  const said = (isQuiet: boolean) =>
    new Set(
      (rehearsal?.warnings ?? [])
        .filter(({ code }) => QUIET.includes(code) === isQuiet && !KNOWN.includes(code))
        .map(({ step, text }) => (isDispatch && step !== null ? `Step ${step + 1}: ${text}` : text)),
    );
  const found = sorted(faults, isDispatch);
  const notes = [...said(true)];
  return (
    <>
      <Head title="Compose">
        <Tabs
          label="What"
          names={[["message", "Message"], ["dispatch", "Dispatch"]]}
          chosen={what}
          choose={(kind) => {
            if (kind === "dispatch") carry();
            go("compose", "", { ...query, kind });
          }}
        />
        <Action
          asks={{
            title: "Start over?",
            text: "What was typed here goes, and the first example comes back.",
            yes: "Start over",
            no: "Keep it",
          }}
          run={async () => startOver(what)}
        >
          Start over
        </Action>
      </Head>
      <div class="two wide">
        <div>
          {steps.map((one, number) => (
            <StepForm
              key={one.key}
              step={one}
              number={number}
              of={steps.length}
              isDispatch={isDispatch}
              faults={found.steps[number] ?? {}}
              change={update(one.key)}
              move={(by) => move(number, by)}
              remove={() => set(steps.filter((other) => other.key !== one.key))}
            />
          ))}
          {isDispatch && (
            <button type="button" class="add-step" onClick={() => set([...steps, draft("sms")])}>
              + Another step
            </button>
          )}
        </div>
        <div class="sticky">
          <Card title="On the phone">
            <Preview steps={steps} />
          </Card>
          <Card title="Before you send">
            <dl class="facts" aria-live="polite">
              {steps.filter((one) => one.channel === "sms" && one.kind === "text").map((one) => (
                <Segments key={one.key} text={one.text} />
              ))}
              {rehearsal && (
                <>
                  <dt>Price</dt>
                  <dd>{prices(rehearsal.price)}</dd>
                </>
              )}
            </dl>
            {isDispatch && rehearsal && <Timeline steps={steps} rehearsal={rehearsal} />}
            {(rehearsal ? [...said(false)] : warnings(steps, isDispatch)).map((text) => (
              <p key={text} class="warning">
                {text}
              </p>
            ))}
            {notes.length > 0 && (
              <details class="notes">
                <summary>{count(notes.length, "note")}</summary>
                <ul>
                  {notes.map((text) => (
                    <li key={text}>{text}</li>
                  ))}
                </ul>
              </details>
            )}
            {found.steps.length > 0 && <Trouble text="It would be refused: see what is marked." />}
            {found.others.map((text) => (
              <Trouble key={text} text={text} />
            ))}
            {unasked && (
              <div class="trouble stale">
                <p role="alert">{unasked}</p>
                <Action tone="small" label="Retry: try it without sending it" run={async () => setRound(round + 1)}>
                  Retry
                </Action>
              </div>
            )}
            {missing && <p class="quiet-text">{missing}</p>}
            <Action tone="primary" disabled={Boolean(missing)} run={submit}>
              {isDispatch ? "Start the dispatch" : "Send the message"}
            </Action>
            <Where steps={steps} />
          </Card>
          <Programs body={wanted} path={path} isDispatch={isDispatch} />
        </div>
      </div>
    </>
  );
}

/** Who gets it, where that can be looked at, and whose callbacks it brings. */
function Where({ steps }: { steps: Draft[] }) {
  const { data: phones } = useLive(() => (isLocal ? handsets() : Promise.resolve(null)), 0);
  const onScreen = steps.filter((one) =>
    phones?.some((phone) => phone.channel === one.channel && phone.person === one.to.trim().replace(/^\+/, "")),
  );
  return (
    <>
      {onScreen.length > 0 && (
        <p class="quiet-text">
          {onScreen.length === steps.length
            ? "It goes to the "
            : `${onScreen.map((one) => channelName(one.channel)).join(" and ")} ${onScreen.length > 1 ? "go" : "goes"} to the `}
          <a href={href("handsets")}>phones on the screen</a>.
        </p>
      )}
      <p class="quiet-text">
        The account itself sends it, and its own webhooks hear of it. For an application it takes a token, which its
        private key signs: the Node program below does that.
      </p>
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
        {count(parts, "segment")}, {encoding}, {count(left, "character")} left
      </dd>
    </>
  );
}

function StepForm({ step, number, of, isDispatch, faults, change, move, remove }: {
  step: Draft;
  number: number;
  of: number;
  isDispatch: boolean;
  faults: Partial<Record<FieldName, string>>;
  change: (update: Partial<Draft>) => void;
  move: (by: number) => void;
  remove: () => void;
}) {
  const isLast = number === of - 1;
  const capability = CHANNELS[step.channel];
  const label = isDispatch ? `Step ${number + 1}` : "Message";
  const proves = provable(step.channel);
  const fault = (name: FieldName) => (faults[name] ? { fault: faults[name] } : {});
  return (
    <Card
      title={label}
      class="step-form"
      tools={
        isDispatch && of > 1 ? (
          <span class="buttons">
            <Action tone="small" disabled={number === 0} label={`Move step ${number + 1} up`} run={async () => move(-1)}>
              ↑
            </Action>
            <Action tone="small" disabled={isLast} label={`Move step ${number + 1} down`} run={async () => move(1)}>
              ↓
            </Action>
            <Action tone="small" label={`Remove step ${number + 1}`} run={async () => remove()}>
              Remove
            </Action>
          </span>
        ) : undefined
      }
    >
      <div class="grid">
        <Select
          label="Channel"
          value={step.channel}
          set={(channel) => change(moved(step, channel))}
          options={Object.keys(CHANNELS).map((one) => [one, channelName(one)])}
          {...fault("channel")}
        />
        <Input
          label={capability?.sender === "id" ? "From (id)" : "From"}
          value={step.from}
          set={(from) => change({ from })}
          {...fault("from")}
        />
        <Input
          label={capability?.recipient === "id" ? "To (id)" : "To"}
          value={step.to}
          set={(to) => change({ to })}
          {...fault("to")}
        />
      </div>
      {kinds(step.channel).length > 1 && (
        <Tabs
          label={`${label}: content`}
          names={kinds(step.channel).map((kind) => [kind, kind])}
          chosen={step.kind}
          choose={(kind) => change({ kind: kind as Kind })}
        />
      )}
      {step.kind === "image" && (
        <Input
          label="Address of the image"
          type="url"
          placeholder="https://"
          value={step.url}
          set={(url) => change({ url })}
          {...fault("url")}
        />
      )}
      {step.kind === "template" ? (
        <Input
          label="Name of the template"
          value={step.template}
          set={(template) => change({ template })}
          {...fault("template")}
        />
      ) : (
        <Field label={step.kind === "image" ? "Caption" : "Text"} {...fault("text")}>
          {(known) => (
            <textarea {...known} rows={3} value={step.text} onInput={(event) => change({ text: event.currentTarget.value })} />
          )}
        </Field>
      )}
      {isDispatch && !isLast && (
        <div class="grid failover">
          {proves.length > 0 ? (
            <Select
              label="Go on unless it is"
              value={step.until}
              set={(until) => change({ until })}
              options={proves.map((one) => [one, one])}
              {...fault("until")}
            />
          ) : (
            <p class="quiet-text">
              {channelName(step.channel)} tells of no delivery: the next step always begins.
            </p>
          )}
          <Input
            label={proves.length > 0 ? "within seconds" : "after seconds"}
            type="number"
            min={1}
            value={step.seconds}
            set={(seconds) => change({ seconds })}
            {...fault("seconds")}
          />
        </div>
      )}
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
            {one.kind === "template" ? <p>[{one.template || "template"}]</p> : one.text && <p>{one.text}</p>}
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
