import { useState } from "preact/hooks";
import { type Dispatch, type DispatchLine, type Explanation, get, lists, optional, send } from "../api";
import { useLive } from "../live";
import { Picture } from "../picture";
import { href, route } from "../router";
import { Action, Badge, Card, Channel, Copy, Empty, Head, Time, Trouble } from "../ui";
import { price, short, span } from "../words";
import { asked, Filters, More, usePages } from "./lists";
import { Story } from "./Messages";

export function Dispatches() {
  const { id } = route.value;
  return id ? <One key={id} uuid={id} /> : <All />;
}

const STATUSES = ["running", "completed", "error", "cancelled"];

function All() {
  const { query } = route.value;
  const pages = usePages<DispatchLine>(
    async (cursor) => {
      const { dispatches, next } = await lists.dispatches({ ...asked(query), limit: 25, cursor });
      return { items: dispatches, next };
    },
    (one) => one.dispatch_uuid,
    [JSON.stringify(query)],
  );
  return (
    <>
      <Head title="Dispatches">
        <a class="button primary" href={href("compose", "", { kind: "dispatch" })}>
          New dispatch
        </a>
      </Head>
      <Filters page="dispatches" statuses={STATUSES} />
      <Trouble text={pages.error} />
      <Card>
        {pages.items?.length === 0 && <Empty>No dispatches here. Compose one and watch it.</Empty>}
        <ul class="rows" aria-live="polite" aria-relevant="additions">
          {pages.items?.map((one) => (
            <li key={one.dispatch_uuid}>
              <a class="row" href={href("dispatches", one.dispatch_uuid)}>
                <Badge of={one.status} />
                <span class="row-main">
                  <span class="hops">
                    {one.channels.map((channel, number) => (
                      <span key={channel} class={number > one.step ? "hop later" : "hop"}>
                        {number > 0 && <span aria-hidden="true">→</span>}
                        <Channel of={channel} />
                      </span>
                    ))}
                  </span>
                  <small>
                    {short(one.dispatch_uuid)} · step {one.step + 1} of {one.steps}
                    {one.reason ? ` · ${one.reason}` : ""}
                  </small>
                </span>
                <span class="row-end">
                  <Time at={one.timestamp} />
                  <small>{price(one.usage)}</small>
                </span>
              </a>
            </li>
          ))}
        </ul>
        <More pages={pages} />
      </Card>
    </>
  );
}

export function useDispatch(uuid: string) {
  const [over, setOver] = useState(false);
  return useLive<Dispatch>(
    async () => {
      const found = await get<Dispatch>(`/v0.1/dispatch/${encodeURIComponent(uuid)}`);
      setOver(Boolean(found.report));
      return found;
    },
    over ? 5 : 1,
    [uuid, over],
  );
}

function One({ uuid }: { uuid: string }) {
  const { data: dispatch, error, again } = useDispatch(uuid);
  const known = dispatch ? `${dispatch.step} ${JSON.stringify(dispatch.steps.map((step) => step.statuses))} ${dispatch.status}` : "";
  const explained = useLive<Explanation | null>(
    () =>
      known
        ? optional(get<Explanation>(`/v0.1/dispatch/${encodeURIComponent(uuid)}/explain`))
        : Promise.resolve(null),
    0,
    [uuid, known],
  );
  const ended = dispatch?.report;
  return (
    <>
      <Head title={`Dispatch ${short(uuid)}`}>
        {dispatch && !ended && (
          <Action
            tone="danger"
            confirm="Really cancel?"
            run={async () => {
              await send("DELETE", `/v0.1/dispatch/${encodeURIComponent(uuid)}`);
              again();
            }}
          >
            Cancel
          </Action>
        )}
        <a class="button" href={href("dispatches")}>
          All dispatches
        </a>
      </Head>
      <Trouble text={error} />
      {dispatch && (
        <>
          <p class="summary" aria-live="polite">
            <Badge of={dispatch.status} />
            <span>
              began <Time at={dispatch.timestamp} />
              {ended ? (
                <>
                  , over after {span(Date.parse(ended.timestamp) - Date.parse(dispatch.timestamp))}
                  {ended.usage ? `, ${price(ended.usage)}` : ""}
                  {ended.reason ? ` (${ended.reason})` : ""}
                </>
              ) : (
                `, step ${dispatch.step + 1} of ${dispatch.steps.length}`
              )}
            </span>
            <code class="uuid">{uuid}</code>
            <Copy text={uuid} what="the uuid" />
          </p>
          <Card>
            <Picture dispatch={dispatch} />
          </Card>
          {explained.data && (
            <Card title="Why">
              <Story told={explained.data} />
            </Card>
          )}
          <Card title="Messages">
            <ul class="plain-list">
              {dispatch.steps
                .filter((step) => step.began_at)
                .map((step) => (
                  <li key={step.message_uuid}>
                    <a href={href("messages", step.message_uuid)}>
                      <Channel of={step.channel} /> <code>{short(step.message_uuid)}</code>
                    </a>{" "}
                    {step.status && <Badge of={step.status} />}
                  </li>
                ))}
            </ul>
          </Card>
        </>
      )}
    </>
  );
}
