// The API's shapes as far as the console reads them, and its calls.
import { request } from "./session";

export type Status = "accepted" | "submitted" | "delivered" | "read" | "rejected" | "undeliverable";
/** Of a step. */
export type State = "waiting" | "running" | "met" | "timed_out" | "failed" | "cancelled" | "skipped";
export interface Usage {
  price: string;
  currency: string;
}
export interface Party {
  type: string;
  number?: string;
  id?: string;
}
export interface Failure {
  code: number;
  reason: string;
}
export interface Message {
  message_uuid: string;
  to: Party;
  from: Party;
  timestamp: string;
  accepted_at: string;
  application_id: string | null;
  status: Status;
  statuses: Partial<Record<Status, string>>;
  usage?: Usage;
  error?: Failure;
  client_ref?: string;
  sms?: { count_total: string };
  unknown?: { timestamp: string; account: string; decision: string }[];
  _links?: { workflow?: { dispatch_uuid: string } };
}
export interface DispatchLine {
  dispatch_uuid: string;
  application_id: string | null;
  status: string;
  timestamp: string;
  step: number;
  steps: number;
  channels: string[];
  reason?: string;
  usage?: Usage;
  ended_at?: string;
}
export interface Step {
  step: number;
  message_uuid: string;
  channel: string;
  condition_status: "delivered" | "read" | null;
  expiry_time: number | null;
  began_at: string | null;
  status: Status | null;
  statuses: Partial<Record<Status, string>>;
  state: State;
  deadline?: string | null;
  reason?: string | null;
  usage?: Usage;
  error?: Failure;
  late?: boolean;
}
export interface Dispatch {
  dispatch_uuid: string;
  status: string;
  timestamp: string;
  step: number;
  steps: Step[];
  /** What it has cost by now. */
  usage?: Usage;
  /** Whether that is all. */
  usage_state?: string;
  report?: { status: string; reason?: string; timestamp: string; usage?: Usage };
}
/** What a line of a story is known by, as far as it is shown. */
export interface Evidence {
  account?: string | null;
  provider_id?: string | null;
  code?: number | null;
  provider_code?: string | null;
  parts?: number | null;
  attempts?: number | null;
  detail?: string | null;
  provider_at?: string | null;
  price?: string | null;
  currency?: string | null;
  /** provider, or rates.toml */
  price_by?: string | null;
}
export interface Explanation {
  summary: string;
  lines: { at: string; step: number | null; text: string; evidence?: Evidence }[];
}
export interface Application {
  id: string;
  name: string;
  capabilities: Record<string, { webhooks?: Record<string, { address: string }> }>;
  keys: { public_key?: string | null; private_key?: string };
}
export interface Sender {
  channel: string;
  id: string;
  order: number;
  rate?: { per_second: number; unit?: string };
  application?: string;
  verification: { state: string; reason?: string; checked_at?: string };
}
export interface Account {
  provider: string;
  account_id: string;
  name?: string;
  credentials: string[];
  senders: Sender[];
  callbacks: { inbound: string; status: string };
}
export interface Template {
  name: string;
  language: string;
  status: string;
  category?: string;
  reason?: string;
  components: { type: string; text?: string }[];
}
export interface FailedEvent {
  event_id: string;
  kind: string;
  application_id?: string;
  message_uuid?: string;
  dispatch_uuid?: string;
  status?: string;
  occurred_at: string;
  failed_at: string;
  attempts: number;
  reason: string;
  replayed_at?: string;
}
/** One of a client's own addresses, and how it does. */
export interface Endpoint {
  application_id: string | null;
  kind: "status_url" | "inbound_url";
  address: string;
  state: "answering" | "failing" | "left_alone" | "gone" | "unknown";
  since: string | null;
  reason: string | null;
  retry_at: string | null;
}
export interface Bubble {
  number: number;
  direction: "outbound" | "inbound";
  text: string;
  pictures: string[];
  buttons: string[];
  sender: string;
  provider: string;
  message_uuid: string | null;
  at: number;
  delivered_at: number | null;
  read_at: number | null;
}
export interface Handset {
  channel: string;
  person: string;
  on: boolean;
  waiting: number;
  messages: Bubble[];
}
/** What a dry run says. Times are seconds from now. */
export interface Rehearsal {
  parts: number | null;
  price: { floor: string | null; ceiling: string | null; currency: string };
  timeline: { step: number; earliest: number; latest: number; ends_at_latest: number }[];
  warnings: { step: number | null; code: string; text: string }[];
}
interface Times {
  p50: number | null;
  p90: number | null;
}
/** Kept of all messages, by what was asked for. */
export interface Sums {
  rows: {
    hour?: string;
    day?: string;
    channel?: string;
    provider?: string;
    country?: string;
    messages: number;
    sent: number;
    delivered: number;
    read: number;
    failed: number;
    delivery_rate: number | null;
    read_rate: number | null;
    seconds_to_delivered: Times;
    seconds_to_read: Times;
    cost: string;
    currency: string;
  }[];
  steps?: {
    step: number | string;
    channel: string;
    tried: number;
    won: number;
    late: number;
    cost: string;
    currency: string;
  }[];
}

export interface Fault {
  name: string;
  reason: string;
}

/** An answer that is not 2xx. `faults` are by the name of the field. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    text: string,
    readonly faults: Fault[] = [],
  ) {
    super(text);
  }
}

/** What went wrong, for people. */
export function sentence(problem: unknown): string {
  if (problem instanceof TypeError) return "There is no connection to the server.";
  return problem instanceof Error ? problem.message : String(problem);
}

const BY_STATUS: Record<number, string> = {
  404: "There is no such thing here.",
  429: "Too much was asked for at once.",
  502: "The server did not answer.",
  503: "The server has no time just now.",
  504: "The server took too long.",
};

async function problem(response: Response): Promise<Problem> {
  const plain = BY_STATUS[response.status] ?? `The server answered ${response.status}.`;
  try {
    const body = await response.json();
    const faults: Fault[] = Array.isArray(body.invalid_parameters) ? body.invalid_parameters : [];
    const first = faults.map((fault) => `${fault.name} ${fault.reason}`).join("; ");
    return new Problem(response.status, first || body.detail || body.reason || body.title || plain, faults);
  } catch {
    return new Problem(response.status, plain);
  }
}

async function read<T>(response: Response): Promise<T> {
  if (!response.ok) throw await problem(response);
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
}

export async function get<T>(path: string, query: Record<string, string | number | undefined> = {}): Promise<T> {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return read<T>(await request(text ? `${path}?${text}` : path));
}

export async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
  const init: RequestInit = { method };
  if (body !== undefined) {
    init.headers = { "Content-Type": "application/json" };
    init.body = JSON.stringify(body);
  }
  return read<T>(await request(path, init));
}

/** Or null where there is no such thing, as on a stack that is older or not local. */
export async function optional<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Problem && (error.status === 404 || error.status === 405)) return null;
    throw error;
  }
}

/** What belongs to no application, as a choice among them. */
export const ACCOUNT = "account";

/** More of them have no list of failed events of all together: each would be read for it. */
const MOST_TOGETHER = 20;

/** Where the lists of their owners go on, and what was read and not shown. */
interface FailedPlace {
  cursors: Record<string, string>;
  held: FailedEvent[];
}

interface FailedPage {
  items: FailedEvent[];
  next: string | null;
  hasToChoose: boolean;
}

/** Null if there are too many. */
async function owners(owner: string): Promise<Record<string, string> | null> {
  if (owner) return { [owner === ACCOUNT ? "" : owner]: "" };
  const applications = await lists.applications();
  if (applications.length > MOST_TOGETHER) return null;
  return Object.fromEntries(["", ...applications.map((one) => one.id)].map((one) => [one, ""]));
}

type Query = Record<string, string | number | undefined>;

/** A page that has something, if there is one near: of many applications the API answers with empty ones between. */
async function gathered<T extends { next: string | null }>(path: string, query: Query, of: (page: T) => unknown[]) {
  const most = query.status ? 5 : 20; // by status it looks at each, and there may be none for long
  let page = await get<T>(path, query);
  for (let tries = 1; page.next && !of(page).length && tries < most; tries++) {
    page = await get<T>(path, { ...query, cursor: page.next });
  }
  return page;
}

export const lists = {
  messages: (query: Query) =>
    gathered<{ messages: Message[]; next: string | null }>("/v0.1/messages", query, (page) => page.messages),
  dispatches: (query: Query) =>
    gathered<{ dispatches: DispatchLine[]; next: string | null }>("/v0.1/dispatch", query, (page) => page.dispatches),
  applications: async () => {
    const found: Application[] = [];
    for (let page = 1, pages = 1; page <= pages; page++) {
      const answer = await get<{ total_pages: number; _embedded: { applications: Application[] } }>(
        "/v2/applications",
        { page_size: 100, page },
      );
      found.push(...answer._embedded.applications);
      pages = answer.total_pages;
    }
    return found;
  },
  /**
   * A page of events that receivers did not take, the newest first: of one application, or of the account and all
   * of its own. `place` is `next` of the page before. Of too many, one `hasToChoose`.
   */
  failed: async (owner = "", place = ""): Promise<FailedPage> => {
    const { cursors, held } = place ? (JSON.parse(place) as FailedPlace) : { cursors: await owners(owner), held: [] };
    if (!cursors) return { items: [], next: null, hasToChoose: true };
    const pages = await Promise.all(
      Object.entries(cursors).map(async ([application_id, cursor]) => ({
        application_id,
        ...(await get<{ cursor?: string; _embedded: { failed: FailedEvent[] } }>("/v0.1/webhooks/failed", {
          order: "desc",
          page_size: 25,
          application_id,
          cursor,
        })),
      })),
    );
    const found = [...held, ...pages.flatMap((page) => page._embedded.failed)].sort((one, other) =>
      other.occurred_at.localeCompare(one.occurred_at),
    );
    const more = pages.filter((page) => page.cursor);
    // What is older than the last one of a list that goes on has to wait for that list.
    const until = more.map((page) => page._embedded.failed.at(-1)?.occurred_at ?? "").sort().at(-1) ?? "";
    const next: FailedPlace = {
      cursors: Object.fromEntries(more.map((page) => [page.application_id, page.cursor!])),
      held: found.filter((one) => one.occurred_at < until),
    };
    return {
      items: found.filter((one) => one.occurred_at >= until),
      next: more.length ? JSON.stringify(next) : null,
      hasToChoose: false,
    };
  },
  /** The addresses that clients set, and how they do. */
  endpoints: async (application_id = "") => {
    const found: Endpoint[] = [];
    for (let cursor: string | undefined, page = 0; page < 20; page++) {
      const query = { application_id, cursor };
      const answer = await get<{ endpoints: Endpoint[]; cursor: string | null }>("/v0.1/webhooks/endpoints", query);
      found.push(...answer.endpoints);
      if (!answer.cursor) break;
      cursor = answer.cursor;
    }
    return found;
  },
  accounts: async () => (await get<{ _embedded: { accounts: Account[] } }>("/accounts"))._embedded.accounts,
};

/** The local stack's own; null elsewhere. It needs no credentials. */
export async function handsets(): Promise<Handset[] | null> {
  const response = await fetch("/sandbox/handsets");
  return response.ok ? ((await response.json()) as { handsets: Handset[] }).handsets : null;
}

export async function sandbox(path: string, body: unknown): Promise<void> {
  const response = await fetch(`/sandbox/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw await problem(response);
}
