// How things are called and written on the pages.
import type { Party, Usage } from "./api";
import table from "./channels.json";

export interface Capability {
  sender: "number" | "id";
  recipient: "number" | "id";
  text: number;
  types: string[];
  proves: string[];
}

export const CHANNELS = table as Record<string, Capability>;

const NAMES: Record<string, [string, string]> = {
  sms: ["SMS", "SMS"],
  mms: ["MMS", "MMS"],
  whatsapp: ["WhatsApp", "WA"],
  messenger: ["Messenger", "Me"],
  viber_service_msg: ["Viber", "Vi"],
  rcs: ["RCS", "RCS"],
  line: ["LINE", "LN"],
  wechat: ["WeChat", "WC"],
  apple: ["Apple Messages", "Ap"],
  telegram: ["Telegram", "Te"],
  viber_bot: ["Viber bot", "VB"],
};

export const channelName = (channel: string): string => NAMES[channel]?.[0] ?? channel;
export const channelMark = (channel: string): string => NAMES[channel]?.[1] ?? channel.slice(0, 2);

export const party = (one: Party): string => one.number ?? one.id ?? "";

/** What stands where a value is not known. */
export const UNKNOWN = "–";

export function price(usage: Usage | null | undefined): string {
  if (!usage) return UNKNOWN;
  const value = Number(usage.price);
  const digits = value !== 0 && Math.abs(value) < 1 ? 4 : 2;
  return `${value.toFixed(digits)} ${usage.currency}`;
}

/** "1 message", "2 messages" */
export const count = (number: number, one: string, more = `${one}s`): string => `${number} ${number === 1 ? one : more}`;

/** The end of something that has a person in it, or is too long to read. */
export const tail = (text: string): string => (text.length > 9 ? `…${text.slice(-6)}` : text);

const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
const TIME = new Intl.DateTimeFormat(undefined, { ...CLOCK, second: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { ...CLOCK, month: "short", day: "numeric" });
const DAY_TIME = new Intl.DateTimeFormat(undefined, { ...CLOCK, second: "2-digit", month: "short", day: "numeric" });

/** As it is where the reader is; with its date if that is not today's. `exact`: with its seconds always. */
export function time(text: string | number, exact = false): string {
  const moment = new Date(text);
  const isToday = moment.toDateString() === new Date().toDateString();
  return (isToday ? TIME : exact ? DAY_TIME : DAY).format(moment);
}

const MOMENT = /(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2}))/;

/** A text in pieces, of which every second one is a moment in it. */
export const moments = (text: string): string[] => text.split(MOMENT);

/** "0.2 s", "1 min 5 s", "2 h 10 min" */
export function span(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds / 1000);
  if (seconds < 9.95) return `${Number(seconds.toFixed(1))} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  const both = (one: string, rest: number, unit: string) => (rest ? `${one} ${rest} ${unit}` : one);
  if (minutes < 60) return both(`${minutes} min`, Math.floor(seconds % 60), "s");
  if (minutes < 48 * 60) return both(`${Math.floor(minutes / 60)} h`, minutes % 60, "min");
  return `${Math.round(minutes / 1440)} days`;
}

/** The next one down, as time is written on a countdown. */
export function left(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  if (seconds < 100) return `${seconds}s`;
  if (seconds < 6000) return `${Math.ceil(seconds / 60)}m`;
  if (seconds < 48 * 3600) return `${Math.ceil(seconds / 3600)}h`;
  return `${Math.ceil(seconds / 86400)}d`;
}

export const short = (uuid: string): string => uuid.slice(0, 8);
