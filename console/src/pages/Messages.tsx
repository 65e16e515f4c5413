import { type Evidence, type Explanation, type Message, type Status, get, lists, optional, send } from "../api";
import { useLive } from "../live";
import { href, route } from "../router";
import { Action, Badge, Card, Channel, Copy, Empty, Head, Loading, Prose, Stale, Ticks, Time, Trouble } from "../ui";
import { count, party, price, short, span, tail, time } from "../words";
import { asked, Filters, More, usePages } from "./lists";

/** In the order in which a message has them. */
const RANKS: Status[] = ["accepted", "submitted", "delivered", "read", "rejected", "undeliverable"];
/** Chosen as a status: what came to a person, read or not. */
const ARRIVED = "arrived";

export function Messages() {
  const { id } = route.value;
  return id ? <One key={id} uuid={id} /> : <All />;
}

function All() {
  const { query } = route.value;
  const isArrived = query.status === ARRIVED;
  const pages = usePages<Message>(
    async (cursor) => {
      const wanted = asked(isArrived ? { ...query, status: "" } : query);
      const { messages, next } = await lists.messages({ ...wanted, limit: 25, cursor });
      const items = isArrived ? messages.filter(({ statuses }) => statuses.delivered || statuses.read) : messages;
      return { items, next };
    },
    (one) => one.message_uuid,
    [query],
  );
  return (
    <>
      <Head title="Messages">
        <a class="button primary" href={href("compose", "", { kind: "message" })}>
          New message
        </a>
      </Head>
      <Filters
        page="messages"
        statuses={[[ARRIVED, "delivered or read"], ...RANKS.map((one): [string, string] => [one, one])]}
      />
      <Stale of={pages} what="The messages" />
      <Card>
        {!pages.items && !pages.error && <Loading />}
        {pages.items?.length === 0 && <Empty>{pages.more ? "None among the newest." : "No messages here."}</Empty>}
        <ul class="rows" aria-live="polite" aria-relevant="additions">
          {pages.items?.map((one) => (
            <li key={one.message_uuid}>
              <MessageRow message={one} />
            </li>
          ))}
        </ul>
        <More pages={pages} />
      </Card>
    </>
  );
}

export function MessageRow({ message }: { message: Message }) {
  return (
    <a class="row" href={href("messages", message.message_uuid)}>
      <Ticks status={message.status} />
      <span class="row-main">
        <span>
          <Channel of={message.to.type} /> {party(message.to)}
        </span>
        <small>
          from {party(message.from)} · {message.error ? message.error.reason : message.status}
        </small>
      </span>
      <span class="row-end">
        <Time at={message.accepted_at ?? message.timestamp} />
        <small>{price(message.usage)}</small>
      </span>
    </a>
  );
}

/** What became of something, in sentences, each with what it is known by. */
export function Story({ told }: { told: Explanation }) {
  return (
    <div class="story">
      <p>
        <Prose text={told.summary} />
      </p>
      <ol class="explained">
        {told.lines.map((line, number) => (
          <li key={number}>
            {line.at && <Time at={line.at} exact />} <Prose text={redacted(line.text, line.evidence)} />
            <Exchange of={line.evidence ?? {}} />
          </li>
        ))}
      </ol>
    </div>
  );
}

/** Providers' ids can have a person's number in them. */
function redacted(text: string, evidence?: Evidence): string {
  const id = evidence?.provider_id;
  return id ? text.replaceAll(id, tail(id)) : text;
}

/** What went to and fro between us and a provider, as far as it is kept. */
function Exchange({ of }: { of: Evidence }) {
  const facts: [name: string, value: string | null | undefined][] = [
    ["Account", of.account],
    ["Its id", of.provider_id && tail(of.provider_id)],
    ["Its clock", of.provider_at && time(of.provider_at, true)],
    ["Parts", of.parts == null ? null : String(of.parts)],
    ["Attempts", of.attempts == null ? null : String(of.attempts)],
    ["Code", of.code == null ? null : String(of.code)],
    ["Its code", of.provider_code],
    ["Detail", of.detail],
    ["Price", of.price && of.currency ? price({ price: of.price, currency: of.currency }) : null],
    ["Price by", of.price && of.price_by],
  ];
  const known = facts.filter(([, value]) => value);
  return known.length ? (
    <dl class="exchange">
      {known.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  ) : null;
}

function One({ uuid }: { uuid: string }) {
  const live = useLive(() => get<Message>(`/v0.1/messages/${encodeURIComponent(uuid)}`), 2, [uuid]);
  const message = live.data;
  const explained = useLive<Explanation | null>(
    () =>
      message
        ? optional(get<Explanation>(`/v0.1/messages/${encodeURIComponent(uuid)}/explain`))
        : Promise.resolve(null),
    0,
    [uuid],
    [JSON.stringify([message?.statuses, message?.usage])],
  );
  const dispatch = message?._links?.workflow?.dispatch_uuid;
  const reached = RANKS.flatMap((status): [Status, string][] => {
    const at = message?.statuses[status];
    return at ? [[status, at]] : [];
  });
  const first = reached[0]?.[1];
  const isAnswerable = message && ["delivered", "read"].includes(message.status);
  return (
    <>
      <Head title={`Message ${short(uuid)}`}>
        {isAnswerable && message.to.type === "rcs" && (
          <Action
            tone="danger"
            asks={{
              title: "Take this message back?",
              text: "It disappears from the person's phone. That cannot be undone.",
              yes: "Take it back",
              no: "Leave it",
            }}
            run={() => send("PATCH", `/v1/messages/${encodeURIComponent(uuid)}`, { status: "revoked" })}
          >
            Take back
          </Action>
        )}
        <a class="button" href={href("messages")}>
          All messages
        </a>
      </Head>
      <Stale of={live} what="This message" />
      {!message && !live.error && <Loading />}
      {message && (
        <>
          <p class="summary" aria-live="polite">
            <Badge of={message.status} />
            <span>
              <Channel of={message.to.type} /> to {party(message.to)} from {party(message.from)}
            </span>
            <code class="uuid">{uuid}</code>
            <Copy text={uuid} what="the uuid" />
          </p>
          <Card title="What happened">
            <Stale of={explained} what="The story" />
            {explained.data ? (
              <Story told={explained.data} />
            ) : (
              <ol class="explained">
                {reached.map(([status, at], number) => (
                  <li key={status}>
                    <Time at={at} exact /> <Badge of={status} />{" "}
                    {number > 0 && first && <small>after {span(Date.parse(at) - Date.parse(first))}</small>}
                  </li>
                ))}
              </ol>
            )}
            {message.error && <Trouble text={`${message.error.code}: ${message.error.reason}`} />}
            {message.unknown?.map((one) => (
              <p key={one.timestamp}>
                <Time at={one.timestamp} exact /> {one.account || "A worker"} did not answer: {one.decision}
              </p>
            ))}
          </Card>
          <Card title="Details">
            <dl class="facts">
              <dt>Price</dt>
              <dd>{price(message.usage)}</dd>
              {message.sms && (
                <>
                  <dt>SMS</dt>
                  <dd>{count(Number(message.sms.count_total), "segment")}</dd>
                </>
              )}
              {message.client_ref && (
                <>
                  <dt>Client reference</dt>
                  <dd>{message.client_ref}</dd>
                </>
              )}
              {dispatch && (
                <>
                  <dt>Dispatch</dt>
                  <dd>
                    <a href={href("dispatches", dispatch)}>
                      <code>{short(dispatch)}</code>
                    </a>
                  </dd>
                </>
              )}
            </dl>
          </Card>
        </>
      )}
    </>
  );
}
