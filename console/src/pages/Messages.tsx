import { type Message, get, lists, send, type Explanation, optional } from "../api";
import { useLive } from "../live";
import { href, route } from "../router";
import { Action, Badge, Card, Channel, Copy, Empty, Head, Ticks, Time, Trouble } from "../ui";
import { party, price, short, span } from "../words";
import { asked, Filters, More, usePages } from "./lists";

const STATUSES = ["accepted", "submitted", "delivered", "read", "rejected", "undeliverable"];

export function Messages() {
  const { id } = route.value;
  return id ? <One key={id} uuid={id} /> : <All />;
}

function All() {
  const { query } = route.value;
  const pages = usePages<Message>(
    async (cursor) => {
      const { messages, next } = await lists.messages({ ...asked(query), limit: 25, cursor });
      return { items: messages, next };
    },
    (one) => one.message_uuid,
    [JSON.stringify(query)],
  );
  return (
    <>
      <Head title="Messages">
        <a class="button primary" href={href("compose")}>
          New message
        </a>
      </Head>
      <Filters page="messages" statuses={STATUSES} />
      <Trouble text={pages.error} />
      <Card>
        {pages.items?.length === 0 && <Empty>No messages here.</Empty>}
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

/** What became of something, in sentences. */
export function Story({ told }: { told: Explanation }) {
  return (
    <>
      <p>{told.summary}</p>
      <ol class="explained">
        {told.lines.map((line, number) => (
          <li key={number}>
            {line.at && <Time at={line.at} />} {line.text}
          </li>
        ))}
      </ol>
    </>
  );
}

function One({ uuid }: { uuid: string }) {
  const { data: message, error } = useLive(() => get<Message>(`/v0.1/messages/${encodeURIComponent(uuid)}`), 2, [uuid]);
  const explained = useLive<Explanation | null>(
    () =>
      message
        ? optional(get<Explanation>(`/v0.1/messages/${encodeURIComponent(uuid)}/explain`))
        : Promise.resolve(null),
    0,
    [uuid, message?.status],
  );
  const dispatch = message?._links?.workflow?.dispatch_uuid;
  const reached = Object.entries(message?.statuses ?? {}).sort(([, one], [, other]) => one.localeCompare(other));
  const first = reached[0]?.[1];
  const isAnswerable = message && ["delivered", "read"].includes(message.status);
  return (
    <>
      <Head title={`Message ${short(uuid)}`}>
        {isAnswerable && message.to.type === "rcs" && (
          <Action
            tone="danger"
            confirm="Really take it back?"
            run={() => send("PATCH", `/v1/messages/${encodeURIComponent(uuid)}`, { status: "revoked" })}
          >
            Take back
          </Action>
        )}
        <a class="button" href={href("messages")}>
          All messages
        </a>
      </Head>
      <Trouble text={error} />
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
            {explained.data ? (
              <Story told={explained.data} />
            ) : (
              <ol class="explained">
                {reached.map(([status, at], number) => (
                  <li key={status}>
                    <Time at={at} /> <Badge of={status} />{" "}
                    {number > 0 && first && <small>after {span(Date.parse(at) - Date.parse(first))}</small>}
                  </li>
                ))}
              </ol>
            )}
            {message.error && <Trouble text={`${message.error.code}: ${message.error.reason}`} />}
            {message.unknown?.map((one) => (
              <p key={one.timestamp}>
                <Time at={one.timestamp} /> {one.account || "A worker"} did not answer: {one.decision}
              </p>
            ))}
          </Card>
          <Card title="Details">
            <dl class="facts">
              <dt>Price</dt>
              <dd>{price(message.usage) || "not known yet"}</dd>
              {message.sms && (
                <>
                  <dt>Segments</dt>
                  <dd>{message.sms.count_total}</dd>
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
