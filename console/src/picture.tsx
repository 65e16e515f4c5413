// A dispatch as a picture: a lane for each step, a ring for the time that is left, and the jump to the next one.
import type { Dispatch, State, Status, Step } from "./api";
import { useClock } from "./live";
import { Badge, Channel } from "./ui";
import { channelName, left, price, span, time } from "./words";

const LADDER: Status[] = ["accepted", "submitted", "delivered", "read"];
const RADIUS = 22;
const ROUND = 2 * Math.PI * RADIUS;

/** What the dispatch waits for in this step. */
const needed = (step: Step): Status => step.condition_status ?? "delivered";

const reached = (step: Step, status: Status): boolean => step.statuses[status] !== undefined;

const STATES: Record<State, [words: string, tone: string, sign: string]> = {
  waiting: ["not begun", "quiet", ""],
  running: ["waiting", "busy", ""],
  met: ["did its part", "good", "✓"],
  timed_out: ["out of time", "bad", "✕"],
  failed: ["failed", "bad", "✕"],
  cancelled: ["cancelled", "bad", "✕"],
  skipped: ["not needed", "quiet", ""],
};

/** What is said of a step as a whole. */
export function state(step: Step): [words: string, tone: string, sign: string] {
  if (step.state === "skipped" && step.reason === "cancelled") return ["cancelled", "quiet", ""];
  if (step.state === "skipped" && ["not_sent", "expired", "lost"].includes(step.reason ?? "")) {
    return ["never sent", "quiet", ""];
  }
  return STATES[step.state] ?? [step.state, "quiet", ""];
}

/** Why a step was left, in words. */
export function why(step: Step): string {
  const detail = step.error ? `: ${step.error.reason}` : "";
  const within = step.expiry_time ? ` within ${span(step.expiry_time * 1000)}` : " in time";
  switch (step.reason) {
    case "timeout":
    case "expired":
      return `Not ${needed(step)}${within}`;
    case "rejected":
      return `The provider refused it${detail}`;
    case "undeliverable":
      return `It could not be delivered${detail}`;
    case "refused":
      return `Not handed over${detail}`;
    case "cancelled":
      return "Cancelled";
    case "met_late":
      return "An earlier step did its part, late";
    case "not_sent":
      return "Its time was over before it was sent";
    case "lost":
      return "Nobody knows: its execution was lost";
    default:
      return step.reason ?? "";
  }
}

function Ring({ step, running }: { step: Step; running: boolean }) {
  const ends = step.deadline ? Date.parse(step.deadline) : null;
  const now = useClock(running && ends !== null);
  const total = ends !== null && step.began_at ? ends - Date.parse(step.began_at) : 0;
  const rest = running && ends !== null && total > 0 ? Math.max(0, Math.min(1, (ends - now) / total)) : 0;
  return (
    <svg class="ring" viewBox="0 0 56 56" aria-hidden="true">
      <circle cx="28" cy="28" r={RADIUS} class="ring-base" />
      {running && (
        <circle
          cx="28"
          cy="28"
          r={RADIUS}
          class={ends === null ? "ring-rest spinning" : "ring-rest"}
          stroke-dasharray={ends === null ? `${ROUND / 4} ${ROUND}` : `${ROUND * rest} ${ROUND}`}
          transform="rotate(-90 28 28)"
        />
      )}
      {running && ends !== null && (
        <text x="28" y="29" class="ring-text">
          {left(ends - now)}
        </text>
      )}
    </svg>
  );
}

function Track({ step }: { step: Step }) {
  const failed = step.status === "rejected" || step.status === "undeliverable" ? step.status : null;
  const began = step.began_at ? Date.parse(step.began_at) : 0;
  const needs = needed(step);
  const shown = LADDER.filter((status) => status !== "read" || needs === "read" || reached(step, "read"));
  // What failed had begun, whatever its provider said.
  const words = failed
    ? [...shown.filter((status) => status === "accepted" || reached(step, status)), failed]
    : shown;
  return (
    <ol class="track">
      {words.map((status) => {
        const at = status === "accepted" ? step.began_at : step.statuses[status];
        const state = status === failed ? "bad" : at ? "done" : "open";
        return (
          <li key={status} class={`${state} ${status === needs ? "needed" : ""}`}>
            <span class="dot" aria-hidden="true" />
            <span class="what">{status === "accepted" ? "began" : status}</span>
            <span class="when">
              {at ? (status === "accepted" ? time(at) : `+${span(Date.parse(at) - began)}`) : status === needs ? "needed" : ""}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

/** `level` is of the headings, one below what the picture stands in. */
export function Picture({ dispatch, level = 3 }: { dispatch: Dispatch; level?: 2 | 3 }) {
  const Heading = `h${level}` as const;
  return (
    <ol class="lanes" aria-label="Steps">
      {dispatch.steps.map((step, number) => {
        const [words, tone, sign] = state(step);
        const next = dispatch.steps[number + 1];
        const isLeft = ["timed_out", "failed", "cancelled"].includes(step.state);
        return (
          <li key={step.step} class={`lane ${step.state} ${tone}`} data-step={number} data-state={step.state}>
            <div class="lane-body">
              <div class="lane-ring">
                <Ring step={step} running={step.state === "running"} />
                {step.state !== "running" && (
                  <span class="ring-sign" aria-hidden="true">
                    {sign || number + 1}
                  </span>
                )}
              </div>
              <div class="lane-main">
                <div class="lane-head">
                  <Heading class="lane-name">
                    <span class="unseen">Step {number + 1}: </span>
                    <Channel of={step.channel} />
                  </Heading>
                  <Badge of={words} tone={tone} />
                  {step.late && <Badge of="late" tone="warn" />}
                  {step.began_at && <span class="lane-price">{price(step.usage)}</span>}
                </div>
                <p class="lane-wants">
                  {step.condition_status
                    ? `until ${step.condition_status}${step.expiry_time ? `, for ${span(step.expiry_time * 1000)}` : ""}`
                    : "the last step: until delivered"}
                </p>
                {step.began_at && <Track step={step} />}
              </div>
            </div>
            {isLeft && step.began_at && (
              <p class="jump">
                {next?.began_at && <span class="jump-line" aria-hidden="true" />}
                <span class="jump-why">
                  {why(step)}
                  {next?.began_at ? ` → ${channelName(next.channel)}` : ""}
                </span>
              </p>
            )}
          </li>
        );
      })}
    </ol>
  );
}

/** The same in one line, for where there is no room. */
export function Strip({ dispatch }: { dispatch: Dispatch }) {
  const running = dispatch.steps.find((step) => step.state === "running" && step.deadline);
  const now = useClock(running !== undefined);
  return (
    <ol class="strip" aria-label="Steps, in short">
      {dispatch.steps.map((step, number) => {
        const [words, tone] = state(step);
        const rest = step === running ? ` ${left(Date.parse(step.deadline!) - now)}` : "";
        return (
          <li key={step.step} data-strip={number} data-state={step.state}>
            <Channel of={step.channel} named={false} /> <Badge of={`${words}${rest}`} tone={tone} />
          </li>
        );
      })}
    </ol>
  );
}
