import { useState } from "preact/hooks";
import { type Endpoint, type FailedEvent, lists, send } from "../api";
import { useLive } from "../live";
import { href } from "../router";
import { Action, Badge, Card, Empty, Head, Loading, Stale, Time } from "../ui";
import { count, short } from "../words";
import { More, ownerName, useApplications, useOwner, usePages } from "./lists";
import { STATES } from "./Overview";

const AT_ONCE = 100; // ids that one call takes
const TONES: Record<string, string> = { answering: "good", failing: "bad", left_alone: "bad", gone: "bad", unknown: "quiet" };

export function Webhooks() {
  const [owner, filter] = useOwner("webhooks");
  const applications = useApplications();
  const [replayed, setReplayed] = useState<Record<string, { of: string; at: string }>>({});
  const endpoints = useLive(() => lists.endpoints(owner), 5, [owner]);
  const [hasToChoose, setHasToChoose] = useState(false);
  const pages = usePages<FailedEvent>(
    async (cursor) => {
      const page = await lists.failed(owner, cursor);
      setHasToChoose(page.hasToChoose);
      return page;
    },
    (one) => one.event_id,
    [owner],
    3,
  );
  // Of those further down nobody asks again. One that failed once more was given up at another time.
  const events = pages.items?.map((one) => {
    const known = replayed[one.event_id];
    return known?.of === one.failed_at ? { replayed_at: known.at, ...one } : one;
  });
  const open = events?.filter((one) => !one.replayed_at) ?? [];
  const replay = async (some: FailedEvent[]) => {
    await send("POST", "/v0.1/webhooks/replay", { event_ids: some.slice(0, AT_ONCE).map((one) => one.event_id) });
    const at = new Date().toISOString();
    const done = some.slice(0, AT_ONCE).map((one) => [one.event_id, { of: one.failed_at, at }]);
    setReplayed((before) => ({ ...before, ...Object.fromEntries(done) }));
    pages.again();
  };
  const most = Math.min(open.length, AT_ONCE);
  return (
    <>
      <Head title="Webhooks">
        {open.length > 1 && (
          <Action
            tone="primary"
            asks={{
              title: `Replay ${count(most, "event")}?`,
              text: "Each is called for again, under its own event id. What your receiver had already it can tell by that.",
              yes: "Replay them",
              no: "Leave them",
            }}
            run={() => replay(open)}
          >
            Replay all shown
          </Action>
        )}
      </Head>
      {filter}
      <Stale of={endpoints} what="The addresses" />
      <Card title="Addresses">
        {!endpoints.data && !endpoints.error && <Loading />}
        {endpoints.data?.length === 0 && <Empty>No application has set one, and neither has the account.</Empty>}
        <ul class="rows">
          {endpoints.data?.map((one) => (
            <li key={`${one.application_id} ${one.kind} ${one.address}`} class="row" data-endpoint={one.kind}>
              <Address of={one} owner={ownerName(applications, one.application_id)} />
            </li>
          ))}
        </ul>
      </Card>
      <Stale of={pages} what="The events that were put aside" />
      <Card title="Put aside">
        <p class="quiet-text">
          Events that were not taken for a day of attempts, or refused for good. Until then an event is tried again.
        </p>
        {!events && !pages.error && <Loading />}
        {events?.length === 0 && (
          <Empty>
            {hasToChoose
              ? "Each application has a list of its own: choose one above."
              : "Nothing was put aside in the last 14 days."}
          </Empty>
        )}
        <ul class="rows" aria-live="polite">
          {events?.map((one) => (
            <li key={one.event_id} class="row" data-event={one.event_id}>
              <Badge of={one.replayed_at ? "replayed" : "failed"} tone={one.replayed_at ? "good" : "bad"} />
              <span class="row-main">
                <span>
                  {one.kind}
                  {one.status ? ` ${one.status}` : ""} of{" "}
                  {one.message_uuid ? (
                    <a href={href("messages", one.message_uuid)}>message {short(one.message_uuid)}</a>
                  ) : (
                    <a href={href("dispatches", one.dispatch_uuid ?? "")}>dispatch {short(one.dispatch_uuid ?? "")}</a>
                  )}{" "}
                  for {ownerName(applications, one.application_id)}
                </span>
                <small>
                  {one.reason} · {count(one.attempts, "attempt")} · given up <Time at={one.failed_at} />
                  {one.replayed_at && (
                    <>
                      {" "}
                      · replayed <Time at={one.replayed_at} />
                    </>
                  )}
                </small>
              </span>
              <span class="row-end">
                <Action label={`Replay ${one.kind} ${short(one.message_uuid ?? one.dispatch_uuid ?? "")}`} run={() => replay([one])}>
                  Replay
                </Action>
              </span>
            </li>
          ))}
        </ul>
        <More pages={pages} />
      </Card>
    </>
  );
}

function Address({ of, owner }: { of: Endpoint; owner: string }) {
  return (
    <>
      <Badge of={of.state.replace("_", " ")} tone={TONES[of.state] ?? "quiet"} />
      <span class="row-main">
        <span>{of.address}</span>
        <small>
          {of.kind === "status_url" ? "Statuses" : "Inbound messages"} of {owner}: {STATES[of.state] ?? of.state}
          {of.reason && ` (${of.reason})`}
          {of.since && (
            <>
              , since <Time at={of.since} />
            </>
          )}
          {of.retry_at && (
            <>
              ; tried again <Time at={of.retry_at} exact />
            </>
          )}
        </small>
      </span>
    </>
  );
}
