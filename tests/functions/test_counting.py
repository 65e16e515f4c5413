"""Counting what becomes of messages: each change once, whatever happens to batches."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from switchboard import counting, failures, histogram
from switchboard.counting import Counting
from switchboard.models.events import Failure, Usage
from switchboard.models.messages import Message, Status, Text
from switchboard.store import MessageItem, StatusRecord, StepLink, insights, keys
from switchboard.store.attributes import Item, dump
from switchboard.store.insights import InsightStore
from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.stream import SOURCE, Record, Stream, passes

AT = datetime(2026, 11, 26, 10, 15, tzinfo=UTC)
DAY = ("INSIGHTS#2026-11", "26")
HOUR = ("INSIGHTS#2026-11-26", "10")
Sums = dict[str, dict[str, Any]]


@pytest.fixture
def stream(flow: Flow) -> Stream:
    return Stream(flow.cloud)


def by(flow: Flow, client: Any) -> Counting:
    """As the function counts, with another client of the table."""
    return Counting(InsightStore(client, "table", 30), flow.cloud.functions["count"].services.prices)


def count(flow: Flow, records: list[Record]) -> None:
    assert flow.cloud.call("count", {"Records": records, "shardId": "shard"}) == {"state": {}}


def sums(flow: Flow, period: str = "INSIGHTS#") -> Sums:
    """What is kept, by its key; without what is not counted."""
    items = flow.cloud.dynamodb.scan(TableName="table")["Items"]
    return {
        f"{item['pk']['S']} {item['sk']['S']}": {
            name: Decimal(value["N"])
            for name, value in item.items()
            if name not in ("pk", "sk", "expires_at")
        }
        for item in items
        if item["pk"]["S"].startswith(period)
    }


def item(number: int = 0, *, app: str | None = "app", **more: Any) -> MessageItem:
    about: dict[str, Any] = {"channel": "sms", "sender": "Acme", "recipient": "447700900100"}
    message = Message(
        message_uuid=f"00000000-0000-4000-8000-{number:012d}",
        content=Text(type="text", text="x"),
        **about | {name: more.pop(name) for name in list(more) if name in about},
    )
    return MessageItem(message=message, application_id=app, accepted_at=AT, **more)


def after(
    item: MessageItem, status: Status, seconds: float = 1, *implied: Status, **more: Any
) -> MessageItem:
    """The message when one write moved it to a status, and to those implied by it."""
    usage = more.pop("usage", None)
    at = AT + timedelta(seconds=seconds)
    new = {
        one: StatusRecord(at=at, by=status.value, usage=usage if one is status else None)
        for one in (*implied, status)
    }
    change = {"provider": "aws/default", "status": status, "statuses": {**item.statuses, **new}, **more}
    return item.model_copy(update=change)


def image(item: MessageItem) -> Item:
    """As it lies in the table: some of it is never written with the message itself."""
    late = item.late_usage
    price = {"price": str(late.price), "currency": late.currency} if late else {}
    said = {"missed": item.missed} if item.missed else {}
    return item.dump() | dump({"provider": item.provider, **price, **said})


class Changes:
    """Records of changes of messages, one after the other."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def add(self, *states: MessageItem | None) -> None:
        """A message from one state to the next, and so on; None is none."""
        for old, new in pairwise(states):
            number = 100000000000000000000 + len(self.records)
            images = {"OldImage": old, "NewImage": new}
            self.records.append(
                {
                    "eventID": str(number),
                    "eventName": "INSERT" if old is None else "MODIFY" if new else "REMOVE",
                    "dynamodb": {
                        "Keys": {"pk": {"S": f"MESSAGE#{(new or old).uuid}"}, "sk": {"S": "MESSAGE"}},  # type: ignore[union-attr]
                        "SequenceNumber": str(number),
                        **{name: image(one) for name, one in images.items() if one},
                    },
                }
            )


def many_changes(count: int, places: int = 3) -> Changes:
    """Messages whose lives go on side by side."""
    changes = Changes()
    states = [item(n, app=f"app{n % places}") for n in range(count)]
    for status in (Status.SUBMITTED, Status.DELIVERED, Status.READ):
        for n, before in enumerate(states):
            usage = Usage(Decimal("0.01"), "EUR") if status is Status.DELIVERED else None
            states[n] = after(before, status, 1 + n, usage=usage)
            changes.add(before, states[n])
    return changes


def test_a_message_from_end_to_end(flow: Flow, stream: Stream) -> None:
    uuid = flow.send(payloads.text("sms"))
    flow.drain()
    flow.receipt(uuid)
    flow.drain()
    count(flow, stream.records())
    kept = sums(flow)
    now = datetime.now(UTC)
    place = f"{flow.app['id']}#%02d#M#sms#aws#GB"
    [of_hour] = [found for name, found in kept.items() if name.startswith(f"INSIGHTS#{now:%Y-%m-%d}")]
    [of_day] = [found for name, found in kept.items() if name.startswith(f"INSIGHTS#{now:%Y-%m} ")]
    assert of_hour == of_day
    times = {name: found for name, found in of_day.items() if name.startswith("d:")}
    assert sum(times.values()) == 1
    assert {name: found for name, found in of_day.items() if name not in times} == {
        "n": 1,
        "s": 1,
        "d": 1,
        "c:EUR": Decimal("0.021"),
    }
    assert any(place % now.day in name for name in kept)


def test_no_more_records_than_needed(flow: Flow, stream: Stream) -> None:
    """Taking a message in, and a worker's taking it, invoke nothing; nor does anything that is no message."""
    uuid = flow.send(payloads.text("sms"))
    payloads.whatsapp_inbound(flow.cloud, "hello")
    flow.drain()
    flow.receipt(uuid)
    flow.drain()
    flow.cloud.dynamodb.delete_item(
        TableName="table", Key={"pk": {"S": f"MESSAGE#{uuid}"}, "sk": {"S": "MESSAGE"}}
    )
    statuses = [record["dynamodb"]["NewImage"]["status"]["S"] for record in stream.records()]
    assert statuses == ["submitted", "delivered"]


def test_two_statuses_by_one_write(flow: Flow) -> None:
    """Both count; how long the one took that was only implied is not known."""
    changes = Changes()
    first = after(item(), Status.SUBMITTED)
    changes.add(item(), first, after(first, Status.READ, 8, Status.DELIVERED))
    count(flow, changes.records)
    place = f"{DAY[0]} app#{DAY[1]}#M#sms#aws#GB"
    assert sums(flow)[place] == {"n": 1, "s": 1, "d": 1, "r": 1, f"r:{histogram.bucket(8)}": 1}


SENT = after(item(), Status.SUBMITTED)
DELIVERED = after(SENT, Status.DELIVERED, 2, usage=Usage(Decimal("0.05"), "EUR"))
QUIET = {
    "accepted": (None, item()),
    "taken by a worker": (item(), item(attempts=1, leased_until=5)),
    "redacted": (
        DELIVERED,
        DELIVERED.model_copy(
            update={"message": DELIVERED.message.model_copy(update={"recipient": "redacted"})}
        ),
    ),
    "pointed elsewhere": (SENT, SENT.model_copy(update={"attempts": 4})),
    "expired": (DELIVERED, None),
}


@pytest.mark.parametrize("name", QUIET)
def test_what_counts_nothing(flow: Flow, name: str) -> None:
    """Even where the filter would let it pass."""
    changes = Changes()
    changes.add(*QUIET[name])
    count(flow, changes.records)
    assert sums(flow) == {}


PRICES: dict[str, tuple[list[MessageItem], dict[str, Decimal]]] = {
    "with the receipt": ([SENT, DELIVERED], {"c:EUR": Decimal("0.05")}),
    "later, alone": (
        [
            SENT,
            after(SENT, Status.DELIVERED),
            after(SENT, Status.DELIVERED).model_copy(update={"late_usage": Usage(Decimal("0.07"), "EUR")}),
        ],
        {"c:EUR": Decimal("0.07")},
    ),
    "by the table, and then otherwise": (
        [
            after(item(channel="telegram"), Status.SUBMITTED),
            after(item(channel="telegram"), Status.DELIVERED),
            after(item(channel="telegram"), Status.DELIVERED).model_copy(
                update={"late_usage": Usage(Decimal("0.5"), "EUR")}
            ),
        ],
        {"c:EUR": Decimal("0.5")},
    ),
    "in another currency": (
        [SENT, after(SENT, Status.DELIVERED, usage=Usage(Decimal(9), "JPY"))],
        {"c:JPY": Decimal(9)},
    ),
    "of a failure": (
        [SENT, after(SENT, Status.UNDELIVERABLE, usage=Usage(Decimal("0.05"), "EUR"))],
        {"c:EUR": Decimal("0.05")},
    ),
}


@pytest.mark.parametrize("name", PRICES)
def test_costs(flow: Flow, name: str) -> None:
    states, expected = PRICES[name]
    changes = Changes()
    changes.add(item(channel=states[0].message.channel), *states)
    for record in changes.records:  # each by itself
        count(flow, [record])
    [found] = sums(flow, HOUR[0]).values()
    assert {name: value for name, value in found.items() if name.startswith("c:")} == expected


FAILURES = {
    "before it went out": ([item()], "", {"n": 1, "j": 1}),
    "afterwards": ([item(), SENT], "aws", {"n": 1, "s": 1, "j": 1}),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures(flow: Flow, name: str) -> None:
    states, provider, expected = FAILURES[name]
    failed = after(states[-1], Status.REJECTED, provider="aws/default" if provider else None)
    changes = Changes()
    changes.add(*states, failed)
    count(flow, changes.records)
    assert sums(flow)[f"{DAY[0]} app#{DAY[1]}#M#sms#{provider}#GB"] == expected


def link(seconds: int = 60, condition: Status | None = Status.DELIVERED) -> StepLink:
    return StepLink(
        dispatch_uuid="d",
        step=1,
        condition=condition,
        deadline=AT + timedelta(seconds=seconds),
        task_token="t",
        queued_at=AT,
    )


STEPS: dict[str, tuple[StepLink, list[tuple[Status, float]], dict[str, int]]] = {
    "won": (link(), [(Status.DELIVERED, 30)], {"n": 1, "w": 1}),
    "late": (link(), [(Status.DELIVERED, 90)], {"n": 1, "l": 1}),
    "not yet": (link(condition=Status.READ), [(Status.DELIVERED, 30)], {"n": 1}),
    "won once": (link(), [(Status.DELIVERED, 30), (Status.READ, 40)], {"n": 1, "w": 1}),
    "failed": (link(), [(Status.UNDELIVERABLE, 5)], {"n": 1}),
    "the last one": (link(condition=None), [(Status.DELIVERED, 30)], {"n": 1, "w": 1}),
    "in its last moment": (link(), [(Status.DELIVERED, 60.2)], {"n": 1, "w": 1}),
    "just over": (link(), [(Status.DELIVERED, 60.3)], {"n": 1, "l": 1}),
}


@pytest.mark.parametrize("name", STEPS)
def test_steps(flow: Flow, name: str) -> None:
    of, moves, expected = STEPS[name]
    states = [item(link=of), after(item(link=of), Status.SUBMITTED)]
    for status, seconds in moves:
        states.append(after(states[-1], status, seconds))
    changes = Changes()
    changes.add(*states)
    count(flow, changes.records)
    assert sums(flow)[f"{DAY[0]} app#{DAY[1]}#S#1#sms"] == expected


def heard(item: MessageItem, seconds: float) -> MessageItem:
    """The newest status, of which we heard at another time."""
    record = item.statuses[item.status].model_copy(update={"heard": AT + timedelta(seconds=seconds)})
    return item.model_copy(update={"statuses": item.statuses | {item.status: record}})


def missed(item: MessageItem, how: Any) -> MessageItem:
    return item.model_copy(update={"missed": how})


BEGUN = after(item(link=link()), Status.SUBMITTED)
MET = after(BEGUN, Status.DELIVERED, 30)
LATE = after(BEGUN, Status.DELIVERED, 90)
WORDS: dict[str, tuple[list[MessageItem], dict[str, int]]] = {
    "heard late": ([BEGUN, heard(MET, 90)], {"n": 1, "l": 1}),
    "heard in time": ([BEGUN, heard(LATE, 30)], {"n": 1, "w": 1}),
    "late after all": ([BEGUN, MET, missed(MET, "late")], {"n": 1, "w": 0, "l": 1}),
    "late anyway": ([BEGUN, LATE, missed(LATE, "late")], {"n": 1, "l": 1}),
    "cancelled before": (
        [BEGUN, missed(BEGUN, "cancelled"), missed(MET, "cancelled")],
        {"n": 1},
    ),
    "cancelled meanwhile": ([BEGUN, MET, missed(MET, "cancelled")], {"n": 1, "w": 0}),
}


@pytest.mark.parametrize("name", WORDS)
def test_what_a_step_turns_out_to_be(flow: Flow, name: str) -> None:
    """By when we heard of it, and by what its dispatch came to; said in one batch or in several."""
    states, expected = WORDS[name]
    changes = Changes()
    changes.add(item(link=link()), *states)
    for record in changes.records:
        count(flow, [record])
    found = sums(flow)[f"{DAY[0]} app#{DAY[1]}#S#1#sms"]
    assert {how: int(times) for how, times in found.items() if how != "x"} == expected


@pytest.mark.parametrize("code", [failures.CANCELLED, failures.NOT_NEEDED])
def test_what_was_called_off_is_no_failure(flow: Flow, code: int) -> None:
    failed = after(item(link=link()), Status.UNDELIVERABLE, provider=None)
    record = failed.statuses[failed.status].model_copy(update={"failure": Failure(code)})
    changes = Changes()
    changes.add(item(link=link()), failed.model_copy(update={"statuses": {Status.UNDELIVERABLE: record}}))
    count(flow, changes.records)
    assert sums(flow) == {}


COUNTRIES = {
    "GB": ("sms", "447700900100"),
    "US": ("whatsapp", "12025550123"),
    "CA": ("rcs", "14165550123"),
    "": ("messenger", "447700900100"),
    " too short": ("sms", "1"),
    " erased": ("sms", "redacted"),
}


@pytest.mark.parametrize("country", COUNTRIES)
def test_countries(flow: Flow, country: str) -> None:
    channel, recipient = COUNTRIES[country]
    changes = Changes()
    before = item(channel=channel, recipient=recipient)
    changes.add(before, after(before, Status.SUBMITTED))
    count(flow, changes.records)
    wanted = country if len(country) == 2 else ""
    assert f"{DAY[0]} app#{DAY[1]}#M#{channel}#aws#{wanted}" in sums(flow)


def test_the_accounts_own(flow: Flow) -> None:
    changes = Changes()
    changes.add(item(app=None), after(item(app=None), Status.SUBMITTED))
    count(flow, changes.records)
    assert f"{DAY[0]} {keys.ACCOUNT}#{DAY[1]}#M#sms#aws#GB" in sums(flow)


def test_a_change_that_makes_no_sense_is_left_out(flow: Flow, caplog: pytest.LogCaptureFixture) -> None:
    changes = many_changes(2)
    changes.records[1]["dynamodb"]["NewImage"]["message"] = {"S": "{"}
    count(flow, changes.records)
    [found, _] = sums(flow, HOUR[0]).values()
    assert found["n"] == 1
    assert "cannot be counted" in caplog.text
    assert "447700900100" not in caplog.text


@pytest.mark.parametrize("price", ["NaN", "1e40", "1e-200", "0.1234567890123456789012345678901234567890"])
def test_a_price_that_makes_no_sense_stops_nothing(flow: Flow, price: str) -> None:
    other = item(1)
    changes = Changes()
    changes.add(SENT, after(SENT, Status.DELIVERED, usage=Usage(Decimal(price), "JPY")))
    changes.add(other, after(other, Status.SUBMITTED))
    count(flow, changes.records)
    [found] = sums(flow, HOUR[0]).values()
    assert found["n"] == 1


# --- once -----------------------------------------------------------------------------------------


class Mishaps:
    """A table whose transactions sometimes fail, before they do anything or after they did everything."""

    def __init__(self, client: Any, chance: random.Random) -> None:
        self._client, self._chance = client, chance
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **request: Any) -> Any:
        self.calls += 1
        fate = self._chance.random()
        if fate < 0.2:
            raise Died
        answer = self._client.transact_write_items(**request)
        if fate < 0.5:
            raise Died
        return answer


class Died(Exception):
    pass


@pytest.fixture
def _small_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST", 4)


@pytest.mark.usefixtures("_small_transactions")
@pytest.mark.parametrize("seed", range(12))
def test_each_change_counts_once(flow: Flow, seed: int) -> None:
    """Batches end anywhere, and come again, longer or shorter, for as long as their function died."""
    chance = random.Random(seed)
    records = many_changes(20, places=6).records
    broken = by(flow, Mishaps(flow.cloud.dynamodb, chance))
    place = 0
    while place < len(records):
        batch = records[place : place + chance.randint(1, 25)]
        try:
            broken.count("shard", batch)
        except Died:
            continue
        place += len(batch)
    once = sums(flow)
    for found in once.values():
        assert found["n"] == found["s"] == found["d"] == found["r"]
    of_hour = sums(flow, HOUR[0])
    assert sum(found["n"] for found in of_hour.values()) == 20
    assert sum(found["c:EUR"] for found in of_hour.values()) == Decimal("0.20")


def test_the_same_batch_twice(flow: Flow) -> None:
    records = many_changes(5).records
    count(flow, records)
    before = sums(flow)
    count(flow, records)
    assert sums(flow) == before


def test_a_batch_that_grew(flow: Flow) -> None:
    """It died with its work done; more has come until it is tried again."""
    records = many_changes(5).records
    count(flow, records[:7])
    count(flow, records)
    found = sums(flow, HOUR[0]).values()
    assert [sum(one[name] for one in found) for name in "nr"] == [5, 5]


def test_a_batch_in_two_halves(flow: Flow) -> None:
    """It died with its work done, and its event source split it."""
    records = many_changes(5).records
    count(flow, records)
    for half in (records[:7], records[7:]):
        count(flow, half)
    found = sums(flow, HOUR[0]).values()
    assert [sum(one[name] for one in found) for name in "nr"] == [5, 5]


def test_shards_are_counted_apart(flow: Flow) -> None:
    """Their numbers have nothing to do with each other's."""
    records = many_changes(2).records
    for shard, some in (("a", records[3:]), ("b", records[:3])):
        flow.cloud.call("count", {"Records": some, "shardId": shard})
    assert sum(found["r"] for found in sums(flow, HOUR[0]).values()) == 2
    assert sum(found["n"] for found in sums(flow, HOUR[0]).values()) == 2


def test_the_end_of_a_window_brings_nothing(flow: Flow) -> None:
    count(flow, [])
    assert sums(flow) == {}


def test_transactions_that_meet_are_tried_again(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insights, "_PAUSE", 0.0)
    client = Meeting(flow.cloud.dynamodb, 3)
    by(flow, client).count("shard", many_changes(2).records)
    assert sum(found["n"] for found in sums(flow, HOUR[0]).values()) == 2
    endless = Meeting(flow.cloud.dynamodb, 1000)
    with pytest.raises(ClientError):
        by(flow, endless).count("shard", many_changes(1).records)


class Meeting:
    """The first transactions meet others."""

    def __init__(self, client: Any, times: int) -> None:
        self._client, self.left = client, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **request: Any) -> Any:
        self.left -= 1
        if self.left >= 0:
            reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
            error: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise ClientError(error, "TransactWriteItems")
        return self._client.transact_write_items(**request)


def test_many_places_take_several_transactions(flow: Flow) -> None:
    """DynamoDB takes a hundred items at once."""
    count(flow, many_changes(60, places=60).records)
    assert sum(found["r"] for found in sums(flow, HOUR[0]).values()) == 60
    assert insights.MOST < 60


def test_few_writes(flow: Flow) -> None:
    """A batch of a thousand costs what its places do."""
    client = Mishaps(flow.cloud.dynamodb, random.Random())
    client._chance.random = lambda: 1.0  # type: ignore[method-assign]
    by(flow, client).count("shard", many_changes(300).records)
    assert client.calls == 1


def test_what_is_kept_ends(flow: Flow) -> None:
    count(flow, many_changes(1).records)
    items = flow.cloud.dynamodb.scan(TableName="table")["Items"]
    ours = [item for item in items if item["pk"]["S"].startswith(("INSIGHTS#", "COUNTED#"))]
    assert len(ours) == 3
    assert all("expires_at" in item for item in ours)


def test_the_event_source_keeps_to_the_order_of_a_shard_and_tells_it() -> None:
    assert SOURCE["TumblingWindowInSeconds"] > 0
    assert SOURCE.get("ParallelizationFactor", 1) == 1
    assert SOURCE["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": "EventsDlq.Arn"}


def test_the_filter_is_about_messages() -> None:
    [first, *_] = many_changes(1).records
    assert passes(first)
    assert not passes({**first, "eventName": "REMOVE"})


# --- times ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.0, -3.0, 0.1, 0.11, 1.0, 59.9, 3600.0, 259_200.0])
def test_a_time_is_kept_to_a_tenth(seconds: float) -> None:
    found = histogram.percentile({histogram.bucket(seconds): 1}, 0.5)
    assert found is not None
    assert found == pytest.approx(max(seconds, histogram.SHORTEST), rel=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_percentiles(seed: int) -> None:
    chance = random.Random(seed)
    times = sorted(chance.lognormvariate(2, 1.5) for _ in range(2000))
    counts: dict[int, int] = {}
    for one in times:
        counts[histogram.bucket(one)] = counts.get(histogram.bucket(one), 0) + 1
    for share in (0.5, 0.9):
        exact = times[int(share * len(times)) - 1]
        assert histogram.percentile(counts, share) == pytest.approx(exact, rel=0.11)
    assert histogram.percentile({}, 0.5) is None
