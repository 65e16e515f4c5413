"""A small model of queues and quotas: what breaks first at so many messages or dispatches a second.

Time goes in steps of a second. Arrivals are drawn around the rate (seeded). Each quota is a bucket: `burst`
at most, filled with `rate` a second. What a quota refuses at the door is refused to the caller (429); what
it refuses behind a queue waits there, and so does a dispatch that StartExecution refuses. Functions take as
much of a processor's concurrency as they run, by Little's law. All traffic is of one application, which is
the worst for the table. It shows which limit is the first and what it does, not how long a message takes.

The quotas are AWS's defaults in us-east-1 (docs/scaling.md names the pages); what one message and one
dispatch ask of each is what the bench counts.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Quota:
    name: str
    rate: float
    """A second."""
    burst: float
    adjustable: bool = True


@dataclass(frozen=True)
class Quotas:
    gateway: Quota = Quota("throttle of our HTTP API (ApiRate)", 1_000, 2_000)
    account_gateway: Quota = Quota("HTTP APIs of the account", 10_000, 5_000)
    function_urls: Quota = Quota("function URLs (10 x concurrency)", 10_000, 10_000)
    concurrency: float = 1_000
    """Executions of all functions at once."""
    concurrency_growth: float = 100
    """By how many a function's can grow in a second: 1,000 in ten."""
    poller_growth: float = 5
    """By how many batches at once a queue's poller grows in a second: 300 in a minute."""
    most_pollers: float = 1_000
    start_execution: Quota = Quota("StartExecution", 300, 1_300)
    start_concurrency: float = 2
    """How many functions work on starts that had to wait, in batches of ten."""
    task_result: Quota = Quota("SendTaskSuccess", 500, 3_000)
    transitions: Quota = Quota("state transitions", 5_000, 5_000)
    table_writes: Quota = Quota("write units of the table", 40_000, 40_000)
    table_reads: Quota = Quota("read units of the table", 40_000, 40_000)
    partition_reads: Quota = Quota("read units of one partition (an application)", 3_000, 3_000, False)
    in_flight: float = 120_000
    """Messages of a queue that are with workers."""


@dataclass(frozen=True)
class Load:
    """What one message, or one dispatch whose first step wins, asks for."""

    name: str
    api: float = 1
    """Requests of the client's to the HTTP API."""
    callbacks: float = 2
    """Receipts, to the functions' own URLs."""
    deliver_records: float = 1
    notify_records: float = 3
    writes: float = 5
    reads: float = 3.5
    executions: float = 0
    task_results: float = 0
    transitions: float = 0
    api_seconds: float = 0.025
    deliver_seconds: float = 0.28
    """Of one batch, in which ten are handed over side by side."""
    notify_seconds: float = 0.14
    start_seconds: float = 0.05


MESSAGE = Load("messages")
DISPATCH = Load(
    "dispatches", notify_records=4, writes=10, reads=6.5, executions=1, task_results=1, transitions=2
)


@dataclass
class Bucket:
    quota: Quota
    left: float = 0

    def __post_init__(self) -> None:
        self.left = self.quota.burst

    def take(self, wanted: float) -> float:
        """As much of it as there is."""
        taken = min(wanted, self.left)
        self.left -= taken
        return taken

    def fill(self) -> None:
        self.left = min(self.quota.burst, self.left + self.quota.rate)


@dataclass
class Queue:
    """A queue and the function that it feeds."""

    records: float = 0
    pollers: float = 5
    peak: float = 0

    def put(self, records: float) -> None:
        self.records += records
        self.peak = max(self.peak, self.records)


@dataclass
class Outcome:
    load: str
    rate: float
    seconds: int
    offered: float = 0
    refused: float = 0
    """Answered 429 or 5xx at the door."""
    done: float = 0
    waiting: float = 0
    """In queues, in the end."""
    peak_waiting: float = 0
    peak_concurrency: float = 0
    first_limit: str = ""
    at_second: int = 0
    limits: dict[str, float] = field(default_factory=dict)
    """How much each limit held back, by name."""

    def hit(self, name: str, second: int, amount: float) -> None:
        if amount <= 1e-9:
            return
        if not self.first_limit:
            self.first_limit, self.at_second = name, second
        self.limits[name] = self.limits.get(name, 0) + amount


def simulate(
    load: Load, rate: float, quotas: Quotas = Quotas(), seconds: int = 300, seed: int = 1
) -> Outcome:
    """`rate` a second for so many seconds."""
    chance = random.Random(seed)
    outcome = Outcome(load.name, rate, seconds)
    buckets = {
        name: Bucket(quota) for name, quota in vars(quotas).items() if isinstance(quota, Quota)
    }  # fmt: skip
    outbound, webhooks, starts = Queue(), Queue(), Queue()
    receipts: list[float] = []  # that are still to come, by second
    allowed = quotas.concurrency_growth
    notifying = 0.0

    for second in range(seconds):
        for bucket in buckets.values():
            bucket.fill()
        arriving = max(0.0, chance.gauss(rate, rate**0.5))
        outcome.offered += arriving
        due = receipts.pop(0) if receipts else 0.0

        # At the door. Providers repeat a receipt that was refused: it comes again.
        clients = _through(outcome, second, buckets, ("gateway", "account_gateway"), arriving, load.api)
        providers = _through(outcome, second, buckets, ("function_urls",), due, 1)
        _again(receipts, 1, due - providers)
        # Each process reads the application once a second, however many requests it has.
        processes = max(1.0, clients * load.api_seconds)
        reads = min(clients, processes) + notifying
        read = _through(outcome, second, buckets, ("partition_reads",), reads, 1)
        taken = clients * read / reads if reads else 0.0
        outcome.refused += arriving - taken
        started = taken
        if load.executions:
            waited = _through(outcome, second, buckets, ("start_execution",), taken, load.executions)
            starts.put(taken - waited)
            able = min(starts.records, quotas.start_concurrency * 10 / load.start_seconds)
            late = buckets["start_execution"].take(able * load.executions) / load.executions
            starts.records -= late
            started = waited + late

        # Functions: what the API runs goes first, as it is asked directly; pollers share what is left.
        allowed = min(quotas.concurrency, allowed + quotas.concurrency_growth)
        used = (clients + providers) * load.api_seconds
        outbound.put(started * load.deliver_records)
        webhooks.put(providers)
        handed = _work(outcome, second, outbound, load.deliver_seconds, allowed - used, quotas, "deliver")
        used += handed / 10 * load.deliver_seconds
        told = _work(outcome, second, webhooks, load.notify_seconds, allowed - used, quotas, "notify")
        notifying = told / 10 * load.notify_seconds
        used += notifying
        outcome.peak_concurrency = max(outcome.peak_concurrency, used)

        # The table and the state machine. What they refuse is done again later.
        units = handed / load.deliver_records
        wrote = _through(outcome, second, buckets, ("table_writes",), units, load.writes)
        _through(outcome, second, buckets, ("table_reads",), units, load.reads)
        if load.transitions:
            wrote = min(wrote, _through(outcome, second, buckets, ("transitions",), units, load.transitions))
            wrote = min(wrote, _through(outcome, second, buckets, ("task_result",), units, load.task_results))
        outbound.put((units - wrote) * load.deliver_records)
        webhooks.put(wrote)  # submitted, and a dispatch's report
        if load.notify_records > 3:
            webhooks.put(wrote * (load.notify_records - 3))
        _again(receipts, 2, wrote)
        _again(receipts, 5, wrote)
        outcome.done += wrote
        outcome.waiting = outbound.records + webhooks.records + starts.records
        outcome.peak_waiting = max(outcome.peak_waiting, outcome.waiting)
    return outcome


def _through(
    outcome: Outcome,
    second: int,
    buckets: Mapping[str, Bucket],
    names: tuple[str, ...],
    wanted: float,
    each: float,
) -> float:
    """How many of `wanted` these quotas let through, of which each needs so much."""
    for name in names:
        bucket = buckets[name]
        let = bucket.take(wanted * each) / each
        outcome.hit(bucket.quota.name, second, wanted - let)
        wanted = let
    return wanted


def _work(
    outcome: Outcome,
    second: int,
    queue: Queue,
    batch_seconds: float,
    free: float,
    quotas: Quotas,
    name: str,
) -> float:
    """How many records a queue's function does in a second, in batches of ten."""
    wanted = queue.records / 10 * batch_seconds  # batches at once
    if wanted > queue.pollers:
        outcome.hit(
            f"pollers of {name} (300 more a minute)", second, (wanted - queue.pollers) / batch_seconds * 10
        )
        queue.pollers = min(quotas.most_pollers, queue.pollers + quotas.poller_growth)
    running = min(wanted, queue.pollers)
    if running > free:
        outcome.hit("concurrency of functions", second, (running - free) / batch_seconds * 10)
        running = max(0.0, free)
    done = min(queue.records, running / batch_seconds * 10)
    queue.records -= done
    return done


def _again(line: list[float], seconds: int, count: float) -> None:
    while len(line) < seconds:
        line.append(0.0)
    line[seconds - 1] += count


RAISED = replace(
    Quotas(),
    gateway=Quota("throttle of our HTTP API (ApiRate)", 40_000, 20_000),
    account_gateway=Quota("HTTP APIs of the account", 40_000, 20_000),
    function_urls=Quota("function URLs (10 x concurrency)", 100_000, 100_000),
    concurrency=10_000,
    start_execution=Quota("StartExecution", 12_000, 12_000),
    task_result=Quota("SendTaskSuccess", 12_000, 12_000),
    transitions=Quota("state transitions", 40_000, 40_000),
    table_writes=Quota("write units of the table", 150_000, 150_000),
    table_reads=Quota("read units of the table", 150_000, 150_000),
)
"""What an owner asks AWS for before 10,000 a second, and sets in the template."""
RATES = (100, 1_000, 10_000)


def run(seconds: int = 300) -> list[tuple[str, Outcome]]:
    cases = (("default", Quotas()), ("raised", RAISED))
    return [
        (name, simulate(load, rate, quotas, seconds))
        for load in (MESSAGE, DISPATCH)
        for rate in RATES
        for name, quotas in cases
    ]
