import { useState } from "preact/hooks";
import { type FailedEvent, lists, send } from "../api";
import { href } from "../router";
import { Action, Badge, Card, Empty, Head, Time, Trouble } from "../ui";
import { short } from "../words";
import { More, useOwner, usePages } from "./lists";

const AT_ONCE = 100; // ids that one call takes

export function Webhooks() {
  const [owner, filter] = useOwner("webhooks");
  const [replayed, setReplayed] = useState<Record<string, { of: string; at: string }>>({});
  const pages = usePages<FailedEvent>((cursor) => lists.failed(owner, cursor), (one) => one.event_id, [owner], 3);
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
  return (
    <>
      <Head title="Webhooks">
        {open.length > 1 && (
          <Action
            tone="primary"
            confirm={`Replay ${Math.min(open.length, AT_ONCE)}?`}
            run={() => replay(open)}
          >
            Replay all shown
          </Action>
        )}
      </Head>
      <p class="quiet-text lead">
        Events that your receiver did not take: for a day of attempts, or because it refused them for good.
      </p>
      {filter}
      <Trouble text={pages.error} />
      <Card>
        {events?.length === 0 && <Empty>Every webhook was taken.</Empty>}
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
                  )}
                </span>
                <small>
                  {one.reason} · {one.attempts} {one.attempts === 1 ? "attempt" : "attempts"} · given up{" "}
                  <Time at={one.failed_at} />
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
