import { type Message, lists } from "../api";
import { together, useLive } from "../live";
import { href } from "../router";
import { Badge, Card, Channel, Empty, Head, Loading, Stale, Time } from "../ui";
import { CHANNELS, channelName, count, price, short, UNKNOWN } from "../words";
import { ownerName, useApplications, useOwner } from "./lists";
import { MessageRow } from "./Messages";

/** Of the newest ones; what is more is on Insights. */
const LOOKED_AT = 100;
const DISPATCHES = 20;

export function Overview() {
  const [owner, filter] = useOwner("overview");
  const of = { application_id: owner };
  const applications = useApplications();
  const messages = useLive(() => lists.messages({ ...of, limit: LOOKED_AT }), 3, [owner]);
  const dispatches = useLive(() => lists.dispatches({ ...of, limit: DISPATCHES }), 3, [owner]);
  const failed = useLive(() => lists.failed(owner), 10, [owner]);
  const endpoints = useLive(() => lists.endpoints(owner), 10, [owner]);
  const found = messages.data?.messages;
  const running = dispatches.data?.dispatches.filter((one) => one.status === "running");
  const broken = dispatches.data?.dispatches.filter((one) => one.status === "error").slice(0, 4) ?? [];
  const bad = found?.filter(isBad) ?? [];
  const telling = found?.filter((one) => tells(one.to.type));
  const arrived = telling?.filter((one) => one.statuses.delivered);
  const webhooks = failed.data?.items.filter((one) => !one.replayed_at) ?? [];
  const failing = endpoints.data?.filter((one) => !["answering", "unknown"].includes(one.state)) ?? [];
  const parts = [messages, dispatches, failed, endpoints];
  const isKnown = parts.every((one) => one.data !== undefined && !one.error);
  const isEmpty = bad.length + broken.length + webhooks.length + failing.length === 0;
  const more = dispatches.data?.next ? `Running of the newest ${DISPATCHES} dispatches` : "Dispatches running";
  return (
    <>
      <Head title="Overview">
        <a class="button primary" href={href("compose", "", { kind: "dispatch" })}>
          Compose
        </a>
      </Head>
      {filter}
      <Stale of={together(parts)} what="Some of this" />
      <div class="counters" aria-live="polite">
        <Counter
          name={found?.length === 1 ? "Message" : "Messages"}
          value={found && `${found.length}${messages.data?.next ? "+" : ""}`}
          error={messages.error}
          to={href("messages", "", of)}
        />
        <Counter
          name="Arrived"
          value={telling && arrived && share(arrived.length, telling.length)}
          error={messages.error}
          to={href("messages", "", { ...of, status: "arrived" })}
        />
        <Counter
          name={more}
          value={running && String(running.length)}
          error={dispatches.error}
          to={href("dispatches", "", { ...of, status: "running" })}
        />
        <Counter
          name={found?.some((one) => !one.usage) && found.some((one) => one.usage) ? "Known cost" : "Cost"}
          value={found && cost(found)}
          error={messages.error}
          to={href("insights", "", of)}
        />
      </div>
      <div class="two">
        <Card title="By channel">{found ? <ByChannel messages={found} /> : !messages.error && <Loading />}</Card>
        <Card title="To look at">
          {isEmpty && isKnown && <Empty>Nothing failed lately.</Empty>}
          {failed.data?.hasToChoose && (
            <p class="quiet-text">
              Events that were put aside are on <a href={href("webhooks")}>Webhooks</a>, by application.
            </p>
          )}
          {isEmpty && !isKnown && !parts.some((one) => one.error) && <Loading />}
          <ul class="rows">
            {failing.map((one) => (
              <li key={`${one.application_id} ${one.kind} ${one.address}`}>
                <a class="row" href={href("webhooks", "", of)}>
                  <Badge of="webhook" tone="bad" />
                  <span class="row-main">
                    <span>
                      The webhook of {ownerName(applications, one.application_id)} {STATES[one.state]}
                    </span>
                    <small>{one.address}</small>
                  </span>
                  {one.since && (
                    <span class="row-end">
                      <Time at={one.since} />
                    </span>
                  )}
                </a>
              </li>
            ))}
            {webhooks.length > 0 && (
              <li>
                <a class="row" href={href("webhooks", "", of)}>
                  <Badge of="webhooks" tone="bad" />
                  <span class="row-main">
                    {failed.data?.next
                      ? `${webhooks.length}+ events were put aside: not taken`
                      : `${count(webhooks.length, "event")} put aside: not taken`}
                  </span>
                </a>
              </li>
            )}
            {broken.map((one) => (
              <li key={one.dispatch_uuid}>
                <a class="row" href={href("dispatches", one.dispatch_uuid)}>
                  <Badge of="error" />
                  <span class="row-main">
                    <span>Dispatch {short(one.dispatch_uuid)}</span>
                    <small>{one.reason}</small>
                  </span>
                  <span class="row-end">
                    <Time at={one.timestamp} />
                  </span>
                </a>
              </li>
            ))}
            {bad.slice(0, 5).map((one) => (
              <li key={one.message_uuid}>
                <MessageRow message={one} />
              </li>
            ))}
          </ul>
        </Card>
      </div>
      <Card title="Just now" tools={<a href={href("messages", "", of)}>All messages</a>}>
        {!found && !messages.error && <Loading />}
        {found?.length === 0 && <Empty>No messages yet. Compose one.</Empty>}
        <ul class="rows" aria-live="polite" aria-relevant="additions">
          {found?.slice(0, 8).map((one) => (
            <li key={one.message_uuid}>
              <MessageRow message={one} />
            </li>
          ))}
        </ul>
      </Card>
      {found && dispatches.data && found.length > 0 && (
        <p class="quiet-text">
          Counted over the newest {count(found.length, "message")} and{" "}
          {count(dispatches.data.dispatches.length, "dispatch", "dispatches")}. “Arrived” leaves out channels that tell of
          no delivery.
        </p>
      )}
    </>
  );
}

/** How a client's address does. */
export const STATES: Record<string, string> = {
  answering: "answers",
  failing: "does not take events",
  left_alone: "is left alone for a while, as it does not answer",
  gone: "said that it is gone",
  unknown: "was not called lately",
};

function Counter({ name, value, error, to }: { name: string; value: string | undefined; error: string; to: string }) {
  return (
    <a class="counter" href={to}>
      <span class="counter-value">{value ?? (error ? UNKNOWN : "…")}</span>
      <span class="counter-name">{name}</span>
    </a>
  );
}

export const share = (part: number, all: number): string => (all ? `${Math.round((part / all) * 100)} %` : UNKNOWN);

/** Whether a channel tells of deliveries at all. */
export const tells = (channel: string, what = "delivered"): boolean => CHANNELS[channel]?.proves.includes(what) ?? true;

export const isBad = (one: Message): boolean => one.status === "rejected" || one.status === "undeliverable";

export function cost(messages: Message[]): string {
  const totals = new Map<string, number>();
  for (const { usage } of messages) {
    if (usage) totals.set(usage.currency, (totals.get(usage.currency) ?? 0) + Number(usage.price));
  }
  return [...totals].map(([currency, total]) => price({ price: String(total), currency })).join(", ") || UNKNOWN;
}

/** As the API's insights count them. */
export interface Counts {
  messages: number;
  sent: number;
  delivered: number;
  read: number;
  failed: number;
}

export function counts(all: Message[]): Counts {
  const reached = (status: "submitted" | "delivered" | "read") => all.filter((one) => one.statuses[status]).length;
  return {
    messages: all.filter((one) => one.status !== "accepted").length, // what still waits here is not in it
    sent: reached("submitted"),
    delivered: reached("delivered"),
    read: reached("read"),
    failed: all.filter(isBad).length,
  };
}

export function byChannel(messages: Message[]): [string, Message[]][] {
  const groups = new Map<string, Message[]>();
  for (const one of messages) groups.set(one.to.type, [...(groups.get(one.to.type) ?? []), one]);
  return [...groups].sort(([, one], [, other]) => other.length - one.length);
}

function ByChannel({ messages }: { messages: Message[] }) {
  const groups = byChannel(messages);
  if (!groups.length) return <Empty>No messages yet.</Empty>;
  return (
    <table class="table">
      <thead>
        <tr>
          <th scope="col">Channel</th>
          <th scope="col" class="number">Sent</th>
          <th scope="col">Delivered</th>
          <th scope="col">Read</th>
        </tr>
      </thead>
      <tbody>
        {groups.map(([channel, all]) => {
          const { messages: of, sent, delivered, read } = counts(all);
          return (
            <tr key={channel}>
              <th scope="row">
                <Channel of={channel} />
              </th>
              <td class="number">{sent}</td>
              <td>
                {tells(channel) ? (
                  <Meter part={delivered} all={of} label={`${channelName(channel)} delivered`} />
                ) : (
                  <small>not told</small>
                )}
              </td>
              <td>
                {tells(channel, "read") ? (
                  <Meter part={read} all={delivered} label={`${channelName(channel)} read, of the delivered`} />
                ) : (
                  <small>not told</small>
                )}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Meter({ part, all, label }: { part: number; all: number; label: string }) {
  return (
    <span class="meter">
      <progress value={part} max={all || 1} aria-label={label} />
      <span>{share(part, all)}</span>
    </span>
  );
}
