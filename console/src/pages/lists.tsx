// What the lists have in common: the newest come by themselves, older ones when somebody asks.
import { useEffect, useRef, useState } from "preact/hooks";
import { ACCOUNT, type Application, lists } from "../api";
import { type Live, useLive } from "../live";
import { become, go, route } from "../router";
import { Action, Input, Select } from "../ui";
import { CHANNELS, channelName } from "../words";

interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Pages<T> extends Omit<Live<unknown>, "data"> {
  items: T[] | undefined;
  more: (() => Promise<void>) | null;
}

export function usePages<T>(
  load: (cursor?: string) => Promise<Page<T>>,
  name: (item: T) => string,
  of: unknown[],
  seconds = 2,
): Pages<T> {
  const asked = JSON.stringify(of);
  const [kept, setOlder] = useState<{ asked: string; page: Page<T> } | null>(null);
  const live = useLive(() => load(), seconds, of);
  const older = kept?.asked === asked ? kept.page : null;
  const next = older ? older.next : live.data?.next;
  const known = new Set(live.data?.items.map(name));
  return {
    items: live.data && [...live.data.items, ...(older?.items ?? []).filter((item) => !known.has(name(item)))],
    error: live.error,
    at: live.at,
    again: live.again,
    more: next
      ? async () => {
          // A page can be empty and not the last: go on until there is something to show.
          let cursor: string | null = next;
          const found: T[] = [];
          for (let tries = 0; cursor && !found.length && tries < 10; tries++) {
            const page: Page<T> = await load(cursor);
            found.push(...page.items);
            cursor = page.next;
          }
          setOlder({ asked, page: { items: [...(older?.items ?? live.data?.items ?? []), ...found], next: cursor } });
        }
      : null,
  };
}

export function More<T>({ pages }: { pages: Pages<T> }) {
  return pages.more ? (
    <p class="more">
      <Action run={pages.more}>Older ones</Action>
    </p>
  ) : null;
}

const TIMES: [hours: string, name: string][] = [
  ["", "Any time"],
  ["1", "Last hour"],
  ["24", "Last day"],
  ["168", "Last 7 days"],
];

/** The page's address as the list is asked; `since` is in hours. */
export function asked({ since, ...query }: Record<string, string>): Record<string, string> {
  return since ? { ...query, from_time: new Date(Date.now() - Number(since) * 3_600_000).toISOString() } : query;
}

/** As the list knows people: a number without what it is written with. */
export const plain = (typed: string): string => {
  const text = typed.trim();
  return /^\+?[\d\s().-]+$/.test(text) ? text.replace(/\D/g, "") : text;
};

/** What both lists can be asked for. */
export function Filters({ page, statuses }: { page: string; statuses: [value: string, name: string][] }) {
  const { query } = route.value;
  const set = (name: string) => (value: string) => go(page, "", { ...route.value.query, [name]: value });
  const channels = Object.keys(CHANNELS).map((one): [string, string] => [one, channelName(one)]);
  return (
    <div class="filters" role="search" aria-label={`Filter ${page}`}>
      <Select label="Channel" value={query.channel ?? ""} set={set("channel")} options={[["", "Any"], ...channels]} />
      <Select label="Status" value={query.status ?? ""} set={set("status")} options={[["", "Any"], ...statuses]} />
      <To
        value={query.to ?? ""}
        set={(to) => become(page, "", { ...route.value.query, to })}
      />
      <Select label="Time" value={query.since ?? ""} set={set("since")} options={TIMES} />
      <ApplicationFilter value={query.application_id ?? ""} set={set("application_id")} />
    </div>
  );
}

/** Asked for when the typing has stopped. */
function To({ value, set }: { value: string; set: (value: string) => void }) {
  const [typed, setTyped] = useState(value);
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    if (plain(typed) !== value) setTyped(value); // another address was opened
  }, [value]);
  const type = (text: string) => {
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => set(plain(text)), 400);
  };
  return <Input label="To" type="search" placeholder="Whole number or id" value={typed} set={type} />;
}

export function useApplications(): Application[] {
  return useLive(lists.applications, 30).data ?? [];
}

/** What people call an application, or what belongs to none. */
export function ownerName(applications: Application[], id: string | null | undefined): string {
  if (!id) return "the account itself";
  return applications.find((one) => one.id === id)?.name ?? `application ${id.slice(0, 8)}`;
}

/** The application that the page's address names, and the choice of it. */
export function useOwner(page: string): [owner: string, filter: preact.JSX.Element] {
  const { query } = route.value;
  const owner = query.application_id ?? "";
  const set = (value: string) => go(page, "", { ...query, application_id: value });
  return [
    owner,
    <div class="filters" role="search" aria-label={`Filter ${page}`}>
      <ApplicationFilter value={owner} set={set} />
    </div>,
  ];
}

export function ApplicationFilter({ value, set }: { value: string; set: (value: string) => void }) {
  const applications = useApplications();
  const options = applications.map((one): [string, string] => [one.id, one.name]);
  return (
    <Select
      label="Application"
      value={value}
      set={set}
      options={[["", "All"], [ACCOUNT, "Account itself"], ...options]}
    />
  );
}
