// Who is signed in. The browser keeps a cookie that this page cannot read; the page keeps a pass, in memory only,
// which it has renewed for as long as somebody is at work here.
import { signal } from "@preact/signals";

type State = "unknown" | "out" | "in";

export const state = signal<State>("unknown");
export const ended = signal(false);

const SESSION = "/console/session";
const IDLE = 20 * 60 * 1000; // ms without a key or a touch, after which the session is ended
const TOLD_EVERY = 5000; // ms

let pass = "";
let renewAt = 0;
let active = Date.now();
let renewing: Promise<boolean> | null = null;
let ending: Promise<void> = Promise.resolve();
let ends = 0; // how often a session ended here: what was asked for before is of no use after it

// Tabs share the cookie: who is at work in one of them is at work in all.
const tabs = new BroadcastChannel("switchboard console");
let toldAt = 0;
tabs.onmessage = ({ data }) => {
  if (data === "active") active = Date.now();
  else if (state.value === "in") leave(false);
};

/** Somebody was signed in on this page, and is not any more. */
export const wasIn = (): boolean => ends > 0;

const isIdle = () => state.value === "in" && Date.now() - active >= IDLE;

function isAtWork(): void {
  if (isIdle()) return end(true); // before the page was looked at again
  active = Date.now();
  if (active - toldAt < TOLD_EVERY) return;
  toldAt = active;
  tabs.postMessage("active");
}

isAtWork();
for (const event of ["pointerdown", "keydown"]) addEventListener(event, isAtWork);
// Seen twice, for a tab that was asleep may not have heard yet of what was done in another.
let wasIdle = false;
setInterval(() => {
  if (isIdle() && wasIdle) end(true);
  wasIdle = isIdle();
}, 5000);

async function take(response: Response, before: number): Promise<boolean> {
  if (response.status !== 200) return false;
  const answer = (await response.json()) as { pass: string; seconds: number };
  if (before !== ends) return false;
  pass = answer.pass;
  renewAt = Date.now() + (answer.seconds - 60) * 1000;
  state.value = "in";
  ended.value = false;
  return true;
}

/** By key and secret. What went wrong, in words, or nothing. */
export async function signIn(key: string, secret: string): Promise<string> {
  await ending;
  const response = await fetch(SESSION, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ api_key: key, api_secret: secret }),
  });
  isAtWork();
  if (await take(response, ends)) return "";
  if (response.status === 401) return "This key and secret do not fit.";
  return `That did not work (HTTP ${response.status}). Try again.`;
}

/** By the cookie, if there is one. */
export function resume(): Promise<boolean> {
  const before = ends;
  renewing ??= ending
    .then(() => fetch(`${SESSION}?idle=${Math.floor((Date.now() - active) / 1000)}`))
    .then((response) => take(response, before))
    .catch(() => false)
    .finally(() => (renewing = null));
  return renewing;
}

export async function signOut(): Promise<void> {
  end(false);
  await ending;
  tabs.postMessage("out");
}

/** Leaves at once. The cookie goes when no answer that is under way can bring it back. */
function end(because: boolean): void {
  leave(because);
  const last = renewing;
  ending = ending.then(() => last).then(forget);
}

async function forget(): Promise<void> {
  for (let tries = 0; tries < 5; tries++) {
    if (await fetch(SESSION, { method: "DELETE", keepalive: true }).then(({ ok }) => ok, () => false)) return;
    await new Promise((go) => setTimeout(go, 2000)); // as without a connection
  }
}

function leave(because: boolean): void {
  ends += 1;
  pass = "";
  ended.value = because;
  state.value = "out";
}

const never = new Promise<Response>(() => undefined);

/** A request as the account. Signs out, and never answers, when the session is over. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  if (state.value !== "in") return never; // from a page that is about to go
  if (Date.now() > renewAt && !isIdle()) await resume();
  for (const isAgain of [false, true]) {
    if (state.value !== "in") return never; // signed out meanwhile
    const headers = { ...(init.headers as Record<string, string>), Authorization: `Console ${pass}` };
    const response = await fetch(path, { ...init, headers });
    if (response.status !== 401) return response;
    if (isAgain || isIdle() || !(await resume())) break;
  }
  if (state.value === "in") leave(true);
  return never;
}
