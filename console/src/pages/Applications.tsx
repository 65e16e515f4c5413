import { useState } from "preact/hooks";
import { type Application, lists, send } from "../api";
import { useLive } from "../live";
import { href } from "../router";
import { Action, Card, Copy, Empty, Head, Input, Trouble } from "../ui";

export function Applications() {
  const { data, error, again } = useLive(lists.applications, 10);
  const [made, setMade] = useState<Application | null>(null);
  return (
    <>
      <Head title="Applications" />
      <Trouble text={error} />
      {made?.keys.private_key && (
        <Card title={`The private key of ${made.name}`} class="notice">
          <p>It is shown this once. Clients sign their tokens with it.</p>
          <pre tabIndex={0} aria-label="Private key">{made.keys.private_key}</pre>
          <p class="buttons">
            <Copy text={made.keys.private_key} what="the private key" />
            <button type="button" onClick={() => setMade(null)}>
              I have it
            </button>
          </p>
        </Card>
      )}
      <Card title="Yours">
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
                  confirm="Really delete?"
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
      <New
        made={(application) => {
          setMade(application);
          again();
          scrollTo(0, 0);
        }}
      />
    </>
  );
}

function New({ made }: { made: (application: Application) => void }) {
  const [name, setName] = useState("");
  const [status, setStatus] = useState("");
  const [inbound, setInbound] = useState("");
  const create = async () => {
    const webhooks = Object.fromEntries(
      [["status_url", status], ["inbound_url", inbound]]
        .filter(([, address]) => address)
        .map(([key, address]) => [key, { address, http_method: "POST" }]),
    );
    const body = { name, ...(Object.keys(webhooks).length ? { capabilities: { messages: { webhooks } } } : {}) };
    made(await send<Application>("POST", "/v2/applications", body));
    setName("");
  };
  return (
    <Card title="Another one">
      <div class="filters">
        <Input label="Name" value={name} set={setName} />
        <Input label="Status URL" type="url" placeholder="https://" value={status} set={setStatus} />
        <Input label="Inbound URL" type="url" placeholder="https://" value={inbound} set={setInbound} />
        <Action tone="primary" disabled={!name} run={create}>
          Create
        </Action>
      </div>
    </Card>
  );
}
