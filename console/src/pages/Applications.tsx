import { effect, signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Application, lists, send } from "../api";
import { useLive } from "../live";
import { href } from "../router";
import { state } from "../session";
import { Action, Card, Copy, Empty, Head, Input, Loading, Stale } from "../ui";

/** With their private keys, which nobody can ask for again: kept until somebody says so, whatever page is shown. */
const made = signal<Application[]>([]);
effect(() => {
  if (state.value === "out") made.value = [];
});

export function Applications() {
  const live = useLive(lists.applications, 10);
  const { data, again } = live;
  return (
    <>
      <Head title="Applications" />
      <Stale of={live} what="The applications" />
      <p class="unseen" role="status">
        {made.value.map((one) => `${one.name} was created. Its private key is shown once: keep it now.`).join(" ")}
      </p>
      {made.value.map((one) => (
        <Key key={one.id} application={one} />
      ))}
      <Card title="Yours">
        {!data && !live.error && <Loading />}
        {data?.length === 0 && <Empty>None yet.</Empty>}
        <ul class="rows">
          {data?.map((one) => (
            <li key={one.id} class="row">
              <span class="row-main">
                <strong>{one.name}</strong>
                <code class="uuid">{one.id}</code>
                {Object.entries(one.capabilities.messages?.webhooks ?? {}).map(([name, webhook]) => (
                  <small key={name}>
                    {name.replace("_url", "")}: {webhook.address}
                  </small>
                ))}
              </span>
              <span class="row-end buttons">
                <a class="button small" href={href("messages", "", { application_id: one.id })}>
                  Messages<span class="unseen"> of {one.name}</span>
                </a>
                <Action
                  tone="danger small"
                  asks={{
                    title: `Delete ${one.name}?`,
                    text: "Its tokens stop working at once, and its key cannot be had again.",
                    yes: "Delete it",
                    no: "Keep it",
                  }}
                  label={`Delete ${one.name}`}
                  run={async () => {
                    await send("DELETE", `/v2/applications/${encodeURIComponent(one.id)}`);
                    again();
                  }}
                >
                  Delete
                </Action>
              </span>
            </li>
          ))}
        </ul>
      </Card>
      <New again={again} />
    </>
  );
}

function Key({ application }: { application: Application }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const text = application.keys.private_key ?? "";
  useEffect(() => heading.current?.focus(), []);
  return (
    <section class="card notice" aria-label={`The private key of ${application.name}`}>
      <div class="card-head">
        <h2 ref={heading} tabIndex={-1}>
          The private key of {application.name}
        </h2>
      </div>
      <p>It is shown this once. Clients sign their tokens with it.</p>
      <pre tabIndex={0} aria-label={`Private key of ${application.name}`}>
        {text}
      </pre>
      <p class="buttons">
        <Copy text={text} what={`the private key of ${application.name}`} />
        <Action
          label={`I have the key of ${application.name}`}
          run={async () => {
            made.value = made.value.filter((one) => one.id !== application.id);
          }}
        >
          I have it
        </Action>
      </p>
    </section>
  );
}

function New({ again }: { again: () => void }) {
  const [name, setName] = useState("");
  const [status, setStatus] = useState("");
  const [inbound, setInbound] = useState("");
  const isBlank = name !== "" && !name.trim();
  const create = async () => {
    const webhooks = Object.fromEntries(
      [["status_url", status.trim()], ["inbound_url", inbound.trim()]]
        .filter(([, address]) => address)
        .map(([key, address]) => [key, { address, http_method: "POST" }]),
    );
    const body = { name: name.trim(), ...(Object.keys(webhooks).length ? { capabilities: { messages: { webhooks } } } : {}) };
    const application = await send<Application>("POST", "/v2/applications", body);
    setName("");
    again();
    if (application.keys.private_key) made.value = [application, ...made.value];
  };
  return (
    <Card title="Another one">
      <div class="filters">
        <Input label="Name" value={name} set={setName} {...(isBlank ? { fault: "A name needs a letter or digit." } : {})} />
        <Input label="Status URL" type="url" placeholder="https://" value={status} set={setStatus} />
        <Input label="Inbound URL" type="url" placeholder="https://" value={inbound} set={setInbound} />
        <Action tone="primary" disabled={!name.trim()} run={create}>
          Create
        </Action>
      </div>
    </Card>
  );
}
