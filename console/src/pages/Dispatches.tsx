import { useState } from "preact/hooks";
import { type Dispatch, type DispatchLine, type Explanation, get, lists, optional, send } from "../api";
import { type Live, useLive } from "../live";
import { Picture } from "../picture";
import { href, route } from "../router";
import { Action, Badge, Card, Channel, Copy, Empty, Head, Loading, Stale, Time } from "../ui";
import { price, short, span } from "../words";
import { asked, Filters, More, usePages } from "./lists";
import { Story } from "./Messages";

/** Of older ones a channel that came twice is in the list once: nobody knows which step it is. */
const hop = (one: DispatchLine, number: number): string =>
  one.channels.length === one.steps && number > one.step ? "hop later" : "hop";

export function Dispatches() {
  const { id } = route.value;
  return id ? <One key={id} uuid={id} /> : <All />;
}

const STATUSES = ["running", "completed", "error", "cancelled"].map((one): [string, string] => [one, one]);

function All() {
  const { query } = route.value;
  const pages = usePages<DispatchLine>(
    async (cursor) => {
      const { dispatches, next } = await lists.dispatches({ ...asked(query), limit: 25, cursor });
      return { items: dispatches, next };
    },
    (one) => one.dispatch_uuid,
    [query],
  );
  return (
    <>
      <Head title="Dispatches">
        <a class="button primary" href={href("compose", "", { kind: "dispatch" })}>
          New dispatch
        </a>
      </Head>
      <Filters page="dispatches" statuses={STATUSES} />
      <Stale of={pages} what="The dispatches" />
      <Card>
        {!pages.items && !pages.error && <Loading />}
        {pages.items?.length === 0 && (
          <Empty>{pages.more ? "None among the newest." : "No dispatches here. Compose one and watch it."}</Empty>
        )}
        <ul class="rows" aria-live="polite" aria-relevant="additions">
          {pages.items?.map((one) => (
            <li key={one.dispatch_uuid}>
              <a class="row" href={href("dispatches", one.dispatch_uuid)}>
                <Badge of={one.status} />
                <span class="row-main">
                  <span class="hops">
                    {one.channels.map((channel, number) => (
                      <span key={number} class={hop(one, number)}>
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

/** Asked for less often when it is over. With no uuid there is none. */
export function useDispatch(uuid: string): Live<Dispatch | null> {
  const [over, setOver] = useState("");
  return useLive<Dispatch | null>(
    async () => {
      if (!uuid) return null;
      const found = await get<Dispatch>(`/v0.1/dispatch/${encodeURIComponent(uuid)}`);
      setOver(found.report ? uuid : "");
      return found;
    },
    over === uuid ? 5 : 1,
    [uuid],
  );
}

/** What is said of a cost that is not all. */
const MORE: Record<string, string> = { so_far: " so far", unknown: " or more" };

function One({ uuid }: { uuid: string }) {
  const live = useDispatch(uuid);
  const dispatch = live.data;
  const known = dispatch
    ? JSON.stringify([dispatch.status, dispatch.step, dispatch.steps.map(({ statuses, state, usage }) => [statuses, state, usage])])
    : "";
  const explained = useLive<Explanation | null>(
    () =>
      known
        ? optional(get<Explanation>(`/v0.1/dispatch/${encodeURIComponent(uuid)}/explain`))
        : Promise.resolve(null),
    0,
    [uuid],
    [known],
  );
  const ended = dispatch?.report;
  const usage = dispatch?.usage ?? ended?.usage;
  return (
    <>
      <Head title={`Dispatch ${short(uuid)}`}>
        {dispatch && !ended && (
          <Action
            tone="danger"
            asks={{
              title: "Cancel this dispatch?",
              text: "Nothing more is handed over. What is out already stays out.",
              yes: "Cancel the dispatch",
              no: "Let it go on",
            }}
            run={async () => {
              await send("DELETE", `/v0.1/dispatch/${encodeURIComponent(uuid)}`);
              live.again();
            }}
          >
            Cancel
          </Action>
        )}
        <a class="button" href={href("dispatches")}>
          All dispatches
        </a>
      </Head>
      <Stale of={live} what="This dispatch" />
      {!dispatch && !live.error && <Loading />}
      {dispatch && (
        <>
          <p class="summary" aria-live="polite">
            <Badge of={dispatch.status} />
            <span>
              began <Time at={dispatch.timestamp} exact />
              {ended ? (
                <>
                  , over after {span(Date.parse(ended.timestamp) - Date.parse(dispatch.timestamp))}
                  {usage ? `, ${price(usage)}${MORE[dispatch.usage_state ?? ""] ?? ""}` : ""}
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
            <Picture dispatch={dispatch} level={2} />
          </Card>
          {(explained.data || explained.error) && (
            <Card title="Why">
              <Stale of={explained} what="The story" />
              {explained.data && <Story told={explained.data} />}
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
