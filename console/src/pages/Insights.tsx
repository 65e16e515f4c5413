import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { type Message, type Sums, get, lists, optional } from "../api";
import { useLive } from "../live";
import { Card, Channel, Empty, Head, Tabs, Trouble } from "../ui";
import { CHANNELS, span } from "../words";
import { useOwner } from "./lists";
import { byChannel, cost, share } from "./Overview";

const NEWEST = 500;

/** One moment of the chart: Unix time in s, and how many messages of that time. */
interface Point {
  at: number;
  sent: number;
  delivered: number;
  failed: number;
}

/** One line of the table. */
interface Line {
  name: string;
  channel: string;
  sent: number;
  delivered: number;
  read: number;
  failed: number;
  toDelivered: string;
  toRead: string;
  cost: string;
}

interface Found {
  points: Point[];
  lines: Line[];
  steps: NonNullable<Sums["steps"]>;
  about: string;
}

const isBad = (one: Message) => one.status === "rejected" || one.status === "undeliverable";

function quantile(values: number[], part: number): number | undefined {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}

/** Milliseconds. */
function times(half: number | null | undefined, most: number | null | undefined): string {
  return half == null || most == null ? "–" : `${span(half)} / ${span(most)}`;
}

function taken(messages: Message[], status: "delivered" | "read"): string {
  const found = messages.flatMap((one) => {
    const at = one.statuses[status];
    return at ? [Date.parse(at) - Date.parse(one.accepted_at)] : [];
  });
  return times(quantile(found, 0.5), quantile(found, 0.9));
}

function filled(points: Map<number, Point>, step: number): Point[] {
  if (!points.size) return [];
  const last = Math.max(...points.keys());
  const first = Math.max(Math.min(...points.keys()), last - step * 200);
  const none = { sent: 0, delivered: 0, failed: 0 };
  return Array.from({ length: Math.round((last - first) / step) + 1 }, (_, number) => {
    const at = first + number * step;
    return points.get(at) ?? { at, ...none };
  });
}

/** By minute, over the newest messages themselves. */
async function newest(application_id: string): Promise<Found> {
  const found: Message[] = [];
  let cursor: string | undefined;
  while (found.length < NEWEST) {
    const { messages, next } = await lists.messages({ application_id, limit: 100, cursor });
    found.push(...messages);
    if (!next) break;
    cursor = next;
  }
  const points = new Map<number, Point>();
  for (const one of found) {
    const at = Math.floor(Date.parse(one.accepted_at) / 60_000) * 60;
    const point = points.get(at) ?? { at, sent: 0, delivered: 0, failed: 0 };
    point.sent += 1;
    point.delivered += one.statuses.delivered ? 1 : 0;
    point.failed += isBad(one) ? 1 : 0;
    points.set(at, point);
  }
  return {
    points: filled(points, 60),
    lines: byChannel(found).map(([channel, all]) => ({
      name: "",
      channel,
      sent: all.length,
      delivered: all.filter((one) => one.statuses.delivered).length,
      read: all.filter((one) => one.statuses.read).length,
      failed: all.filter(isBad).length,
      toDelivered: taken(all, "delivered"),
      toRead: taken(all, "read"),
      cost: cost(all),
    })),
    steps: [],
    about: `The newest ${found.length} messages${found.length >= NEWEST ? ", which is the most that is looked at here" : ""}.`,
  };
}

/** By hour or day, over sums that are kept of all messages. */
async function sums(application_id: string, unit: "hour" | "day", days: number): Promise<Found> {
  const from = new Date(Date.now() - days * 86_400_000).toISOString();
  const ask = (group_by: string) => optional(get<Sums>("/v0.1/insights", { application_id, from, group_by }));
  const [over, by, steps] = await Promise.all([ask(unit), ask("channel,provider,country"), ask("step")]);
  const points = new Map<number, Point>();
  for (const row of over?.rows ?? []) {
    const at = Date.parse(row[unit] ?? "") / 1000;
    points.set(at, { at, sent: row.messages, delivered: row.delivered, failed: row.failed });
  }
  const seconds = (value: number | null) => (value === null ? null : value * 1000);
  return {
    points: filled(points, unit === "hour" ? 3600 : 86_400),
    lines: (by?.rows ?? []).map((row) => ({
      name: [row.provider, row.country].filter(Boolean).join(", "),
      channel: row.channel ?? "",
      sent: row.messages,
      delivered: row.delivered,
      read: row.read,
      failed: row.failed,
      toDelivered: times(seconds(row.seconds_to_delivered.p50), seconds(row.seconds_to_delivered.p90)),
      toRead: times(seconds(row.seconds_to_read.p50), seconds(row.seconds_to_read.p90)),
      cost: `${Number(row.cost).toFixed(2)} ${row.currency}`,
    })),
    steps: steps?.steps ?? [],
    about: `The last ${days} days, by ${unit}. All times are counted from when a message was accepted.`,
  };
}

const KINDS: Record<string, { name: string; step: number; load: (owner: string) => Promise<Found> }> = {
  newest: { name: "Newest", step: 60, load: newest },
  hour: { name: "7 days", step: 3600, load: (owner) => sums(owner, "hour", 7) },
  day: { name: "90 days", step: 86_400, load: (owner) => sums(owner, "day", 90) },
};

export default function Insights() {
  const [kind, setKind] = useState("newest");
  const { step, load } = KINDS[kind]!;
  const [owner, filter] = useOwner("insights");
  const { data, error } = useLive(async () => ({ kind, owner, ...(await load(owner)) }), 15, [kind, owner]);
  const shown = data?.kind === kind && data.owner === owner ? data : undefined;
  return (
    <>
      <Head title="Insights">
        <Tabs label="Time" names={Object.entries(KINDS).map(([key, { name }]) => [key, name])} chosen={kind} choose={setKind} />
      </Head>
      <p class="quiet-text lead">{shown?.about ?? "…"}</p>
      {filter}
      <Trouble text={error} />
      <Card title="Messages">
        {shown && (shown.points.length ? <Chart points={shown.points} step={step} /> : <Empty>No messages in this time.</Empty>)}
      </Card>
      <Card title="By channel">{shown && <Lines lines={shown.lines} />}</Card>
      {shown && shown.steps.length > 0 && (
        <Card title="Steps of dispatches">
          <Steps steps={shown.steps} />
        </Card>
      )}
    </>
  );
}

const SERIES: [name: string, color: string, part: "sent" | "delivered" | "failed"][] = [
  ["Sent", "--accent", "sent"],
  ["Delivered", "--good", "delivered"],
  ["Failed", "--bad", "failed"],
];

function Chart({ points, step }: { points: Point[]; step: number }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current!;
    const style = getComputedStyle(document.documentElement);
    const color = (name: string) => style.getPropertyValue(name).trim();
    const format = new Intl.DateTimeFormat(
      undefined,
      step < 86_400 ? { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } : { month: "short", day: "numeric" },
    );
    const axis = { stroke: color("--quiet"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
    const chart = new uPlot(
      {
        width: element.clientWidth,
        height: 240,
        padding: [8, 24, 0, 8],
        cursor: { drag: { x: false, y: false } },
        scales: { y: { range: (_, __, max) => [0, Math.max(1, max)] } },
        axes: [
          {
            ...axis,
            space: 60,
            incrs: [1, 2, 5, 10, 30, 60].map((one) => one * step),
            values: (_, at) => at.map((one) => format.format(one * 1000)),
          },
          { ...axis, size: 40, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 10_000, 50_000, 100_000] },
        ],
        series: [
          { label: "Time", value: (_, at) => (at === null ? "" : format.format(at * 1000)) },
          ...SERIES.map(([label, name], number) => ({
            label,
            stroke: color(name),
            width: 2,
            dash: number === 2 ? [4, 3] : [],
            points: { show: points.length < 3 },
          })),
        ],
      },
      [points.map((one) => one.at), ...SERIES.map(([, , part]) => points.map((one) => one[part]))],
      element,
    );
    const watch = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: 240 }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      chart.destroy();
    };
  }, [points, step]);
  return <div class="chart" ref={place} role="img" aria-label="Messages over time; the table below has the numbers" />;
}

function Lines({ lines }: { lines: Line[] }) {
  if (!lines.length) return <Empty>No messages in this time.</Empty>;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="By channel">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Channel</th>
            <th scope="col" class="number">Sent</th>
            <th scope="col" class="number">Delivered</th>
            <th scope="col" class="number">Read</th>
            <th scope="col" class="number">Failed</th>
            <th scope="col" class="number">To delivered, p50 / p90</th>
            <th scope="col" class="number">To read, p50 / p90</th>
            <th scope="col" class="number">Cost</th>
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => (
            <tr key={`${line.channel} ${line.name}`}>
              <th scope="row">
                <Channel of={line.channel} /> {line.name && <small>{line.name}</small>}
              </th>
              <td class="number">{line.sent}</td>
              <td class="number">{share(line.delivered, line.sent)}</td>
              <td class="number">{CHANNELS[line.channel]?.proves.includes("read") ? share(line.read, line.sent) : "–"}</td>
              <td class="number">{line.failed}</td>
              <td class="number">{line.toDelivered}</td>
              <td class="number">{line.toRead}</td>
              <td class="number">{line.cost}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Steps({ steps }: { steps: Found["steps"] }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Steps of dispatches">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">Channel</th>
            <th scope="col" class="number">Tried</th>
            <th scope="col" class="number">Won</th>
            <th scope="col" class="number">Late</th>
            <th scope="col" class="number">Cost</th>
          </tr>
        </thead>
        <tbody>
          {steps.map((row) => (
            <tr key={`${row.step} ${row.channel}`}>
              <th scope="row">{Number(row.step) + 1}</th>
              <td>
                <Channel of={row.channel} />
              </td>
              <td class="number">{row.tried}</td>
              <td class="number">{share(row.won, row.tried)}</td>
              <td class="number">{row.late}</td>
              <td class="number">
                {Number(row.cost).toFixed(2)} {row.currency}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
