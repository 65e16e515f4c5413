import { useEffect, useId, useRef, useState } from "preact/hooks";
import { type Bubble, type Dispatch, type DispatchLine, type Handset, handsets, lists, sandbox, sentence } from "../api";
import { type Live, useLive } from "../live";
import { Picture, Strip } from "../picture";
import { href } from "../router";
import { Action, Badge, Card, Empty, Head, Input, Loading, Select, Stale, Ticks, Trouble } from "../ui";
import { CHANNELS, channelName, short, time } from "../words";
import { useDispatch } from "./Dispatches";
import { useOwner } from "./lists";

const tellsRead = (channel: string) => CHANNELS[channel]?.proves.includes("read");

/** Why nobody can write to a sender from a phone; "" if somebody can. */
function unanswerable(channel: string, sender: string): string {
  const isName = ["sms", "mms"].includes(channel) && /[^\d+]/.test(sender);
  return isName ? `${sender} is a name, no number: a phone cannot answer it.` : "";
}

export function Handsets() {
  const live = useLive(handsets, 1);
  const phones = live.data;
  const [owner, filter] = useOwner("handsets");
  const dispatches = useLive(() => lists.dispatches({ application_id: owner, limit: 5 }), 2, [owner]);
  const [chosen, setChosen] = useState("");
  const found = dispatches.data?.dispatches ?? [];
  const shown = chosen || found[0]?.dispatch_uuid || "";
  const watched = useDispatch(shown);
  return (
    <>
      <Head title="Handsets">
        <a class="button primary" href={href("compose", "", { kind: "dispatch", to: "handsets" })}>
          Send to these phones
        </a>
      </Head>
      <p class="quiet-text lead">
        The phones of one person, Ada. They read when you open them, get nothing while they are off, and can answer.
        Messages come through the real adapters from simulated carriers.
      </p>
      <Stale of={live} what="The phones" />
      {watched.data && (
        <div class="glance">
          <Strip dispatch={watched.data} />
          <Badge of={watched.data.status} />
        </div>
      )}
      <div class="stage">
        <div>
          {phones === undefined && !live.error && <Loading />}
          {phones === null && <Empty>There are no phones here: they are part of the local stack.</Empty>}
          <div class="phones">
            {phones?.map((phone) => (
              <Phone key={`${phone.channel} ${phone.person}`} phone={phone} again={live.again} />
            ))}
          </div>
          {phones && <AddPhone again={live.again} />}
        </div>
        <div class="sticky">
          {(owner || dispatches.error) && filter}
          <Stale of={dispatches} what="The dispatches" />
          <Watched uuid={shown} live={watched} all={found} isKnown={Boolean(dispatches.data)} choose={setChosen} />
        </div>
      </div>
    </>
  );
}

function Watched({ uuid, live, all, isKnown, choose }: {
  uuid: string;
  live: Live<Dispatch | null>;
  all: DispatchLine[];
  isKnown: boolean;
  choose: (uuid: string) => void;
}) {
  return (
    <Card
      title="The dispatch"
      tools={
        uuid && (
          <a href={href("dispatches", uuid)}>
            Open <span class="unseen">dispatch {short(uuid)}</span>
          </a>
        )
      }
    >
      {!uuid && (isKnown ? <Empty>Send a dispatch to these phones, and watch it here.</Empty> : <Loading />)}
      {all.length > 1 && (
        <Select
          label="Which one"
          value={uuid}
          set={choose}
          options={all.map((one) => [one.dispatch_uuid, `${time(one.timestamp)}, ${one.channels.map(channelName).join(" → ")}`])}
        />
      )}
      <Stale of={live} what="The dispatch" />
      {live.data && (
        <>
          <p class="summary">
            <Badge of={live.data.status} />
          </p>
          <Picture dispatch={live.data} />
        </>
      )}
    </Card>
  );
}

function Phone({ phone, again }: { phone: Handset; again: () => void }) {
  const feed = useRef<HTMLDivElement>(null);
  const act = async (what: string) => {
    await sandbox("handsets", { channel: phone.channel, person: phone.person, do: what });
    again();
  };
  const unread = phone.messages.filter((one) => one.direction === "outbound" && !one.read_at).length;
  const sender = phone.messages.at(-1)?.sender ?? "";
  const name = channelName(phone.channel);
  useEffect(() => {
    feed.current?.scrollTo({ top: feed.current.scrollHeight });
  }, [phone.messages.length]);
  return (
    <section class={`phone ${phone.on ? "" : "off"}`} aria-label={`${name}, ${phone.person}`} data-channel={phone.channel}>
      <header class={`phone-head c-${phone.channel}`}>
        <h2>{name}</h2>
        <span class="phone-number">{phone.person}</span>
        {unread > 0 && <span class="unread">{unread} new</span>}
      </header>
      <div class="feed" ref={feed} role="log" aria-label={`Messages on ${name}`} tabIndex={0}>
        {phone.on ? (
          phone.messages.length ? (
            phone.messages.map((one) => <Said key={one.number} bubble={one} channel={phone.channel} />)
          ) : (
            <Empty>Nothing yet</Empty>
          )
        ) : (
          <Empty>The phone is off{phone.waiting ? `; ${phone.waiting} on the way` : ""}.</Empty>
        )}
      </div>
      <div class="phone-keys">
        <Action label={`Open ${name}`} disabled={!phone.on || !unread} run={() => act("open")} tone="primary">
          Open
        </Action>
        <Action label={`Switch ${phone.on ? "off" : "on"} ${name}`} run={() => act(phone.on ? "off" : "on")}>
          {phone.on ? "Switch off" : "Switch on"}
        </Action>
      </div>
      <Answer phone={phone} to={sender} again={again} />
    </section>
  );
}

function Said({ bubble, channel }: { bubble: Bubble; channel: string }) {
  const came = bubble.direction === "outbound";
  return (
    <div class={`bubble ${came ? "theirs" : "mine"}`}>
      {bubble.pictures.map((url) => (
        <span class="picture" key={url} title={url}>
          ▣ {url.split("/").pop()}
        </span>
      ))}
      {bubble.text && <p>{bubble.text}</p>}
      {bubble.buttons.length > 0 && (
        <p class="bubble-buttons">
          {bubble.buttons.map((button) => (
            <span key={button}>{button}</span>
          ))}
        </p>
      )}
      <small>
        {came && `${bubble.sender} `}
        {time(bubble.at * 1000)}
        {came && (
          <>
            {" "}
            <Ticks status={bubble.read_at && tellsRead(channel) ? "read" : "delivered"} />
          </>
        )}
      </small>
    </div>
  );
}

function Answer({ phone, to, again }: { phone: Handset; to: string; again: () => void }) {
  const [text, setText] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const id = useId();
  const why = unanswerable(phone.channel, to);
  const isOpen = phone.on && Boolean(to) && !why;
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!isOpen || !text || busy) return;
    setBusy(true);
    setError("");
    try {
      await sandbox("inbound", { channel: phone.channel, from: phone.person, to, text });
      setText("");
      again();
    } catch (problem) {
      setError(sentence(problem));
    }
    setBusy(false);
  };
  return (
    <form class="answer" onSubmit={submit}>
      <input
        aria-label={`Answer from ${channelName(phone.channel)}`}
        aria-describedby={why ? id : undefined}
        placeholder="Answer"
        value={text}
        disabled={!isOpen}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit" aria-disabled={!isOpen || !text || busy} aria-label={`Send from ${channelName(phone.channel)}`}>
        Send
      </button>
      {why && <small id={id}>{why}</small>}
      <Trouble text={error} />
    </form>
  );
}

function AddPhone({ again }: { again: () => void }) {
  const [channel, setChannel] = useState("sms");
  const [person, setPerson] = useState("");
  return (
    <details class="add">
      <summary>Another phone</summary>
      <div class="filters">
        <Select
          label="Channel"
          value={channel}
          set={setChannel}
          options={Object.keys(CHANNELS).map((one) => [one, channelName(one)])}
        />
        <Input label={CHANNELS[channel]?.recipient === "number" ? "Number" : "Id"} value={person} set={setPerson} />
        <Action
          disabled={!person}
          run={async () => {
            await sandbox("handsets", { channel, person, do: "add" });
            setPerson("");
            again();
          }}
        >
          Add
        </Action>
      </div>
    </details>
  );
}
