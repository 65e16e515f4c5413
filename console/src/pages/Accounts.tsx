import { lists, send } from "../api";
import { useLive } from "../live";
import { Action, Badge, Card, Channel, Copy, Empty, Head, Loading, Stale, Time } from "../ui";

export function Accounts() {
  const live = useLive(lists.accounts, 10);
  const { data, again } = live;
  return (
    <>
      <Head title="Accounts & senders" />
      <p class="quiet-text lead">
        Your accounts with providers. Senders that are in none of them go out by their channel's default account.
      </p>
      <Stale of={live} what="The accounts" />
      {!data && !live.error && <Loading />}
      {data?.length === 0 && (
        <Card>
          <Empty>
            None yet. Put one with <code>switchboard account:add</code> or <code>PUT /accounts/&#123;provider&#125;/&#123;id&#125;</code>.
            Credentials are not typed into this page.
          </Empty>
        </Card>
      )}
      {data?.map((one) => (
        <Card
          key={`${one.provider}/${one.account_id}`}
          title={one.name ?? `${one.provider} / ${one.account_id}`}
          tools={
            <Action
              label={`Verify ${one.provider} ${one.account_id}`}
              run={async () => {
                await send("POST", `/accounts/${one.provider}/${encodeURIComponent(one.account_id)}/verify`);
                again();
              }}
            >
              Verify
            </Action>
          }
        >
          <dl class="facts">
            <dt>Provider</dt>
            <dd>
              {one.provider} / {one.account_id}
            </dd>
            <dt>Credentials</dt>
            <dd>{one.credentials.join(", ") || "none"}</dd>
            <dt>Inbound</dt>
            <dd>
              <code class="uuid">{one.callbacks.inbound}</code> <Copy text={one.callbacks.inbound} what="the inbound address" />
            </dd>
            <dt>Status</dt>
            <dd>
              <code class="uuid">{one.callbacks.status}</code> <Copy text={one.callbacks.status} what="the status address" />
            </dd>
          </dl>
          <ul class="rows">
            {one.senders.map((sender) => (
              <li key={`${sender.channel} ${sender.id}`} class="row">
                <Badge of={sender.verification.state} />
                <span class="row-main">
                  <span>
                    <Channel of={sender.channel} /> {sender.id}
                  </span>
                  <small>
                    {sender.verification.reason ?? ""}
                    {sender.verification.checked_at && (
                      <>
                        {" "}
                        checked <Time at={sender.verification.checked_at} />
                      </>
                    )}
                    {sender.rate && ` · ${sender.rate.per_second} ${sender.rate.unit ?? "messages"} per second`}
                  </small>
                </span>
              </li>
            ))}
          </ul>
          {one.senders.length === 0 && <Empty>It has no senders.</Empty>}
        </Card>
      ))}
    </>
  );
}
