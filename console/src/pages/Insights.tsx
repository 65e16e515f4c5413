import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { type Message, type Sums, get, lists, optional } from "../api";
import { useLive } from "../live";
import { Card, Channel, Empty, Head, Loading, Stale, Tabs } from "../ui";
import { count, price, span, UNKNOWN } from "../words";
import { useOwner } from "./lists";
import { byChannel, cost, type Counts, counts, isBad, share, tells } from "./Overview";

const NEWEST = 500;

/** One moment of the chart: Unix time in s, and how many messages of that time. */
interface Point {
  at: number;
  sent: number;
  delivered: number;
  failed: number;
}

/** One line of the table. */
interface Line extends Counts {
  name: string;
  channel: string;
  toDelivered: string;
  toRead: string;
  cost: string;
}

interface Found {
  points: Point[];
  lines: Line[];
  steps: NonNullable<Sums["steps"]>;
  about: string;
  /** Times are sums of buckets, and not exact. */
  isRough: boolean;
}

/** The value that this part of all is not above, as the API has it: of two the half is the smaller one. */
function quantile(values: number[], part: number): number | undefined {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
}

/** Milliseconds. */
function times(half: number | null | undefined, most: number | null | undefined): string {
  return half == null || most == null ? UNKNOWN : `${span(half)} / ${span(most)}`;
}

function taken(messages: Message[], status: "delivered" | "read"): string {
  const found = messages.flatMap((one) => {
    const at = one.statuses[status];
    return at ? [Date.parse(at) - Date.parse(one.accepted_at)] : [];
  });
  return times(quantile(found, 0.5), quantile(found, 0.9));
}

/** What is paid as far as it is known: a sum of nothing says nothing. */
const paid = (sum: { cost: string; currency: string }): string =>
  Number(sum.cost) === 0 ? UNKNOWN : price({ price: sum.cost, currency: sum.currency });

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
    point.sent += one.statuses.submitted ? 1 : 0;
    point.delivered += one.statuses.delivered ? 1 : 0;
    point.failed += isBad(one) ? 1 : 0;
    points.set(at, point);
  }
  return {
    points: filled(points, 60),
    lines: byChannel(found).map(([channel, all]) => ({
      name: "",
      channel,
      ...counts(all),
      toDelivered: taken(all, "delivered"),
      toRead: taken(all, "read"),
      cost: cost(all),
    })),
    steps: [],
    about: `The newest ${count(found.length, "message")}${found.length >= NEWEST ? ", which is the most that is looked at here" : ""}.`,
    isRough: false,
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
    points.set(at, { at, sent: row.sent, delivered: row.delivered, failed: row.failed });
  }
  const seconds = (value: number | null) => (value === null ? null : value * 1000);
  return {
    points: filled(points, unit === "hour" ? 3600 : 86_400),
    lines: (by?.rows ?? []).map((row) => ({
      name: [row.provider, row.country].filter(Boolean).join(", "),
      channel: row.channel ?? "",
      messages: row.messages,
      sent: row.sent,
      delivered: row.delivered,
      read: row.read,
      failed: row.failed,
      toDelivered: times(seconds(row.seconds_to_delivered.p50), seconds(row.seconds_to_delivered.p90)),
      toRead: times(seconds(row.seconds_to_read.p50), seconds(row.seconds_to_read.p90)),
      cost: paid(row),
    })),
    steps: steps?.steps ?? [],
    about: `The last ${days} days, by ${unit}. All times are counted from when a message was accepted, to within a tenth.`,
    isRough: true,
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
  const live = useLive(() => load(owner), 15, [kind, owner]);
  const shown = live.data;
  return (
    <>
      <Head title="Insights">
        <Tabs label="Time" names={Object.entries(KINDS).map(([key, { name }]) => [key, name])} chosen={kind} choose={setKind} />
      </Head>
      <p class="quiet-text lead">{shown?.about ?? (live.error ? "" : "…")}</p>
      {filter}
      <Stale of={live} what="These numbers" />
      <Card title="Messages">
        {!shown && !live.error && <Loading />}
        {shown && (shown.points.length ? <Chart points={shown.points} step={step} /> : <Empty>No messages in this time.</Empty>)}
      </Card>
      <Card title="By channel">{shown && <Lines lines={shown.lines} isRough={shown.isRough} />}</Card>
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

const HINT = "More columns are to the right: scroll the table.";

function Lines({ lines, isRough }: { lines: Line[]; isRough: boolean }) {
  if (!lines.length) return <Empty>No messages in this time.</Empty>;
  const about = isRough ? "about, " : "";
  return (
    <>
      <p class="scroll-hint">{HINT}</p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of channels">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Channel</th>
              <th scope="col" class="number">Messages</th>
              <th scope="col" class="number">Sent</th>
              <th scope="col" class="number">Delivered</th>
              <th scope="col" class="number">Read, of these</th>
              <th scope="col" class="number">Failed</th>
              <th scope="col" class="number">To delivered, {about}p50 / p90</th>
              <th scope="col" class="number">To read, {about}p50 / p90</th>
              <th scope="col" class="number">Cost</th>
            </tr>
          </thead>
          <tbody>
            {lines.map((line) => (
              <tr key={`${line.channel} ${line.name}`}>
                <th scope="row">
                  <Channel of={line.channel} /> {line.name && <small>{line.name}</small>}
                </th>
                <td class="number">{line.messages}</td>
                <td class="number">{line.sent}</td>
                <td class="number">{tells(line.channel) ? share(line.delivered, line.messages) : "not told"}</td>
                <td class="number">{tells(line.channel, "read") ? share(line.read, line.delivered) : "not told"}</td>
                <td class="number">{line.failed}</td>
                <td class="number">{line.toDelivered}</td>
                <td class="number">{line.toRead}</td>
                <td class="number">{line.cost}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Steps({ steps }: { steps: Found["steps"] }) {
  return (
    <>
      <p class="scroll-hint">{HINT}</p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of steps">
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
                <td class="number">{paid(row)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
