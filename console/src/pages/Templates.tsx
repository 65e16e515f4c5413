import { useState } from "preact/hooks";
import { type Template, get, lists } from "../api";
import { useLive, useSettled } from "../live";
import { Badge, Card, Empty, Head, Input, Loading, Stale } from "../ui";
import { plain } from "./lists";

export function Templates() {
  const accounts = useLive(lists.accounts, 0);
  const [typed, setTyped] = useState("");
  const senders = (accounts.data ?? []).flatMap((one) => one.senders).filter((one) => one.channel === "whatsapp");
  const first = senders[0]?.id ?? "";
  const sender = useSettled(plain(typed)) || first;
  const isTyping = (plain(typed) || first) !== sender;
  const live = useLive(
    () => (sender ? get<{ _embedded: { templates: Template[] } }>("/v0.1/templates", { sender }) : Promise.resolve(null)),
    0,
    [sender],
  );
  const found = live.data?._embedded.templates;
  return (
    <>
      <Head title="Templates" />
      <p class="quiet-text lead">What WhatsApp has of the account that a number belongs to.</p>
      <div class="filters">
        <Input
          label="WhatsApp number"
          inputMode="numeric"
          value={typed}
          set={setTyped}
          {...(first ? { hint: `Empty for your first one, ${first}` } : {})}
        />
      </div>
      <Stale of={accounts} what="Your senders" />
      {!isTyping && <Stale of={live} what={`The templates of ${sender}`} />}
      <Card>
        {(isTyping || live.data === undefined) && !live.error && <Loading />}
        {!sender && !isTyping && accounts.data && <Empty>Name the number whose templates you want to see.</Empty>}
        {found?.length === 0 && <Empty>There are none.</Empty>}
        <ul class="rows">
          {found?.map((one) => (
            <li key={`${one.name} ${one.language}`} class="row">
              <Badge of={one.status} />
              <span class="row-main">
                <strong>{one.name}</strong>
                <small>
                  {one.language}
                  {one.category ? ` · ${one.category.toLowerCase()}` : ""}
                  {one.reason ? ` · ${one.reason}` : ""}
                </small>
                {one.components
                  .filter((part) => part.text)
                  .map((part, number) => (
                    <span key={number} class="quote">
                      {part.text}
                    </span>
                  ))}
              </span>
            </li>
          ))}
        </ul>
      </Card>
    </>
  );
}
