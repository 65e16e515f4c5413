// What is being composed. It stays while other pages are looked at, and goes when somebody signs out.
import { effect, signal } from "@preact/signals";
import { state } from "../session";
import { CHANNELS, channelName } from "../words";

export type Kind = "text" | "image" | "template";

export interface Draft {
  key: number;
  channel: string;
  from: string;
  to: string;
  kind: Kind;
  text: string;
  url: string;
  template: string;
  until: string;
  seconds: string;
}

interface Drafts {
  message: Draft[];
  dispatch: Draft[];
}

export const isLocal = ["127.0.0.1", "localhost"].includes(location.hostname);

/** Ends that the local stack's simulated providers know. The phones on the screen are of Ada. */
const BUSINESS = "447700900200";
const FROM: Record<string, string> = {
  sms: "Acme",
  messenger: "1070830641",
  viber_service_msg: "Acme",
  rcs: "Acme",
  wechat: "gh_0b070b070b07",
  apple: "urn:biz:0b07b07a-1070-4107-8107-107010701070",
};
const ADA = "447700900700";
const TO: Record<string, string> = {
  messenger: "3958010700",
  telegram: "700900700",
  wechat: "oAda0000700900700",
  apple: "urn:mbid:Ada700900700",
};
const TEXT = "Your parcel arrives today between 3 and 4.";
/** Short enough to watch. */
const SECONDS = "10";

const from = (channel: string): string => (isLocal ? (FROM[channel] ?? BUSINESS) : "");
const to = (channel: string): string => (isLocal ? (TO[channel] ?? ADA) : "");

/** What a step on this channel can be waited for; nothing if the channel tells of nothing. */
export const provable = (channel: string): string[] => CHANNELS[channel]?.proves ?? [];
const KINDS: readonly Kind[] = ["text", "image", "template"];
export const kinds = (channel: string): Kind[] => KINDS.filter((kind) => CHANNELS[channel]?.types.includes(kind));

let keys = 0;
export function draft(channel: string): Draft {
  return {
    key: keys++,
    channel,
    from: from(channel),
    to: to(channel),
    kind: kinds(channel)[0] ?? "text",
    text: TEXT,
    url: "",
    template: "",
    until: provable(channel).at(-1) ?? "delivered",
    seconds: SECONDS,
  };
}

/** The same on another channel: what was typed stays, as far as it fits there. */
export function moved(one: Draft, channel: string): Draft {
  const fresh = draft(channel);
  const [before, after] = [CHANNELS[one.channel], CHANNELS[channel]];
  const keeps = (own: string, usual: string, isSame: boolean) => own !== usual && own !== "" && isSame;
  return {
    ...one,
    channel,
    from: keeps(one.from, from(one.channel), before?.sender === after?.sender) ? one.from : fresh.from,
    to: keeps(one.to, to(one.channel), before?.recipient === after?.recipient) ? one.to : fresh.to,
    kind: kinds(channel).includes(one.kind) ? one.kind : fresh.kind,
    until: provable(channel).includes(one.until) ? one.until : fresh.until,
  };
}

const first = (): Drafts => ({
  message: [draft("sms")],
  dispatch: ["messenger", "viber_service_msg", "sms"].map(draft),
});

export const drafts = signal(first());
/** Whether somebody changed something in it. */
const touched = { message: false, dispatch: false };

export function change(what: keyof Drafts, steps: Draft[]): void {
  touched[what] = true;
  drafts.value = { ...drafts.value, [what]: steps };
}

export function startOver(what: keyof Drafts): void {
  touched[what] = false;
  drafts.value = { ...drafts.value, [what]: first()[what] };
}

/** A message that was worked on becomes the first step of the dispatch, unless that one was worked on too. */
export function carry(): void {
  const message = drafts.value.message[0];
  if (!message || !touched.message || touched.dispatch) return;
  const others = first().dispatch.filter((one) => one.channel !== message.channel);
  const rest = message.kind === "text" ? others.map((one) => ({ ...one, text: message.text })) : others;
  change("dispatch", [{ ...message, key: keys++ }, ...rest]);
}

effect(() => {
  if (state.value !== "out") return;
  drafts.value = first();
  touched.message = touched.dispatch = false;
});

// --- as the API has it ---------------------------------------------------------------------------

const party = (channel: string, end: "sender" | "recipient", value: string) => ({
  type: channel,
  [CHANNELS[channel]?.[end] ?? "number"]: value.trim(),
});

function content(one: Draft): unknown {
  if (one.kind === "image") return { type: "image", image: { url: one.url.trim(), ...(one.text ? { caption: one.text } : {}) } };
  if (one.kind === "template") return { type: "template", template: { name: one.template.trim(), parameters: [] } };
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

export type FieldName = "channel" | "from" | "to" | "text" | "url" | "template" | "until" | "seconds";

/** Where on the page the API's field is; the first that fits. Null if it is none of the page's. */
const PLACES: [pattern: RegExp, field: FieldName][] = [
  [/(^|\.)from\.type$/, "channel"],
  [/(^|\.)from(\.|$)/, "from"],
  [/(^|\.)to(\.|$)/, "to"],
  [/\.(text|caption)$/, "text"],
  [/\.url$/, "url"],
  [/\.template(\.|$)/, "template"],
  [/condition_status$/, "until"],
  [/expiry_time$/, "seconds"],
];

export interface Place {
  step: number;
  field: FieldName | null;
}

export function place(name: string): Place | null {
  const step = /^workflow\[(\d+)\]/.exec(name);
  const field = PLACES.find(([pattern]) => pattern.test(name))?.[1] ?? null;
  if (!step && !field) return null;
  return { step: step ? Number(step[1]) : 0, field };
}

/** What can be said without asking. */
export function warnings(steps: Draft[], isDispatch: boolean): string[] {
  return steps.flatMap((one, number) => {
    const limit = CHANNELS[one.channel]?.text ?? 0;
    const at = isDispatch ? `Step ${number + 1}` : channelName(one.channel);
    return one.kind === "text" && limit && one.text.length > limit ? [`${at}: the text is longer than ${limit} characters.`] : [];
  });
}

/** What has to be typed before anything can be asked. */
export function lacks(steps: Draft[], isDispatch: boolean): string {
  for (const [number, one] of steps.entries()) {
    const at = isDispatch ? `Step ${number + 1}: ` : "";
    if (!one.from.trim()) return `${at}who is it from?`;
    if (!one.to.trim()) return `${at}who is it to?`;
    if (one.kind === "image" && !one.url.trim()) return `${at}where is the image?`;
    if (one.kind === "template" && !one.template.trim()) return `${at}which template?`;
    if (one.kind === "text" && !one.text) return `${at}what does it say?`;
    if (isDispatch && number < steps.length - 1 && !(Number(one.seconds) >= 1)) return `${at}how many seconds?`;
  }
  return "";
}
