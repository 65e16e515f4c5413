import { type Message, lists } from "../api";
import { useLive } from "../live";
import { href } from "../router";
import { Badge, Card, Channel, Empty, Head, Time, Trouble } from "../ui";
import { CHANNELS, channelName, short } from "../words";
import { useOwner } from "./lists";
import { MessageRow } from "./Messages";

/** Of the newest ones; what is more is on Insights. */
const LOOKED_AT = 100;

export function Overview() {
  const [owner, filter] = useOwner("overview");
  const of = { application_id: owner };
  const messages = useLive(() => lists.messages({ ...of, limit: LOOKED_AT }), 3, [owner]);
  const dispatches = useLive(() => lists.dispatches({ ...of, limit: 20 }), 3, [owner]);
  const failed = useLive(() => lists.failed(owner), 10, [owner]);
  const found = messages.data?.messages ?? [];
  const running = dispatches.data?.dispatches.filter((one) => one.status === "running") ?? [];
  const broken = dispatches.data?.dispatches.filter((one) => one.status === "error").slice(0, 4) ?? [];
  const bad = found.filter((one) => one.status === "rejected" || one.status === "undeliverable");
  const arrived = found.filter((one) => one.status === "delivered" || one.status === "read");
  const webhooks = failed.data?.items.filter((one) => !one.replayed_at) ?? [];
  return (
    <>
      <Head title="Overview">
        <a class="button primary" href={href("compose", "", { kind: "dispatch" })}>
          Compose
        </a>
      </Head>
      {filter}
      <Trouble text={messages.error || dispatches.error || failed.error} />
      <div class="counters" aria-live="polite">
        <Counter name="Messages" value={`${found.length}${messages.data?.next ? "+" : ""}`} to={href("messages", "", of)} />
        <Counter name="Arrived" value={share(arrived.length, found.length)} to={href("messages", "", { ...of, status: "delivered" })} />
        <Counter name="Dispatches running" value={`${running.length}`} to={href("dispatches", "", { ...of, status: "running" })} />
        <Counter name="Cost" value={cost(found)} to={href("insights", "", of)} />
      </div>
      <div class="two">
        <Card title="By channel">
          <ByChannel messages={found} />
        </Card>
        <Card title="To look at">
          {bad.length + broken.length + webhooks.length === 0 && <Empty>Nothing failed lately.</Empty>}
          <ul class="rows">
            {webhooks.length > 0 && (
              <li>
                <a class="row" href={href("webhooks", "", of)}>
                  <Badge of="webhooks" tone="bad" />
                  <span class="row-main">{webhooks.length}{failed.data?.next ? "+" : ""} not taken by your receiver</span>
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
        {messages.data && found.length === 0 && <Empty>No messages yet. Compose one.</Empty>}
        <ul class="rows" aria-live="polite" aria-relevant="additions">
          {found.slice(0, 8).map((one) => (
            <li key={one.message_uuid}>
              <MessageRow message={one} />
            </li>
          ))}
        </ul>
      </Card>
      {found.length > 0 && (
        <p class="quiet-text">Counted over the newest {found.length} messages and 20 dispatches.</p>
      )}
    </>
  );
}

function Counter({ name, value, to }: { name: string; value: string; to: string }) {
  return (
    <a class="counter" href={to}>
      <span class="counter-value">{value}</span>
      <span class="counter-name">{name}</span>
    </a>
  );
}

export const share = (part: number, all: number): string => (all ? `${Math.round((part / all) * 100)} %` : "–");

export function cost(messages: Message[]): string {
  const totals = new Map<string, number>();
  for (const { usage } of messages) {
    if (usage) totals.set(usage.currency, (totals.get(usage.currency) ?? 0) + Number(usage.price));
  }
  return [...totals].map(([currency, total]) => `${total.toFixed(2)} ${currency}`).join(", ") || "–";
}

export function byChannel(messages: Message[]): [string, Message[]][] {
  const groups = new Map<string, Message[]>();
  for (const one of messages) groups.set(one.to.type, [...(groups.get(one.to.type) ?? []), one]);
  return [...groups].sort(([, one], [, other]) => other.length - one.length);
}

const reached = (all: Message[], status: "delivered" | "read") => all.filter((one) => one.statuses[status]).length;

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
        {groups.map(([channel, all]) => (
          <tr key={channel}>
            <th scope="row">
              <Channel of={channel} />
            </th>
            <td class="number">{all.length}</td>
            <td>
              <Meter part={reached(all, "delivered")} all={all.length} label={`${channelName(channel)} delivered`} />
            </td>
            <td>
              {CHANNELS[channel]?.proves.includes("read") ? (
                <Meter part={reached(all, "read")} all={all.length} label={`${channelName(channel)} read`} />
              ) : (
                <small>not told</small>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Meter({ part, all, label }: { part: number; all: number; label: string }) {
  return (
    <span class="meter">
      <progress value={part} max={all} aria-label={label} />
      <span>{share(part, all)}</span>
    </span>
  );
}
