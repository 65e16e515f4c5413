// What the lists have in common: the newest come by themselves, older ones when somebody asks.
import { useEffect, useState } from "preact/hooks";
import { ACCOUNT, type Application, lists } from "../api";
import { useLive } from "../live";
import { go, route } from "../router";
import { Input, Select } from "../ui";
import { CHANNELS, channelName } from "../words";

interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Pages<T> {
  items: T[] | undefined;
  error: string;
  more: (() => Promise<void>) | null;
  again: () => void;
}

export function usePages<T>(
  load: (cursor?: string) => Promise<Page<T>>,
  name: (item: T) => string,
  depends: unknown[],
  seconds = 2,
): Pages<T> {
  const [older, setOlder] = useState<Page<T> | null>(null);
  useEffect(() => setOlder(null), depends);
  const live = useLive(() => load(), seconds, depends);
  const next = older ? older.next : live.data?.next;
  const known = new Set(live.data?.items.map(name));
  return {
    items: live.data && [...live.data.items, ...(older?.items ?? []).filter((item) => !known.has(name(item)))],
    error: live.error,
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
          setOlder({ items: [...(older?.items ?? live.data?.items ?? []), ...found], next: cursor });
        }
      : null,
  };
}

export function More<T>({ pages }: { pages: Pages<T> }) {
  const [busy, setBusy] = useState(false);
  if (!pages.more) return null;
  const press = async () => {
    setBusy(true);
    await pages.more!().catch(() => undefined);
    setBusy(false);
  };
  return (
    <button type="button" class="more" disabled={busy} onClick={press}>
      Older ones
    </button>
  );
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

/** What both lists can be asked for. */
export function Filters({ page, statuses }: { page: string; statuses: string[] }) {
  const { query } = route.value;
  const set = (name: string) => (value: string) => go(page, "", { ...query, [name]: value });
  const channels = Object.keys(CHANNELS).map((one): [string, string] => [one, channelName(one)]);
  return (
    <div class="filters" role="search" aria-label={`Filter ${page}`}>
      <Select label="Channel" value={query.channel ?? ""} set={set("channel")} options={[["", "Any"], ...channels]} />
      <Select
        label="Status"
        value={query.status ?? ""}
        set={set("status")}
        options={[["", "Any"], ...statuses.map((one): [string, string] => [one, one])]}
      />
      <Input label="To" type="search" placeholder="number or id" value={query.to ?? ""} set={set("to")} />
      <Select label="Time" value={query.since ?? ""} set={set("since")} options={TIMES} />
      <ApplicationFilter value={query.application_id ?? ""} set={set("application_id")} />
    </div>
  );
}

export function useApplications(): Application[] {
  return useLive(lists.applications, 30).data ?? [];
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
  const all: [string, string][] = [["", "All"], [ACCOUNT, "The account itself"]];
  return <Select label="Application" value={value} set={set} options={[...all, ...options]} />;
}
