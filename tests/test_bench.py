"""The counting rules of the benchmark, and how much a message and a dispatch may ask of AWS.

The bounds are what was counted when they were written. Whoever needs more has to say so here.
"""

import json
from typing import Any

import pytest

from bench import cold, cost, growth, prices, report, scaling, stack, units
from bench.cost import Measured
from bench.meter import Meter
from bench.system import system
from tests.support.template import template

KB = 1024


@pytest.mark.parametrize(
    ("size", "requests"), [(0, 1), (1, 1), (512 * KB, 1), (512 * KB + 1, 2), (2000 * KB, 4)]
)
def test_http_requests(size: int, requests: int) -> None:
    assert units.http_requests(size) == requests


@pytest.mark.parametrize(
    ("bodies", "requests"),
    [
        ([], 1),
        (["x"], 1),
        (["x" * 100] * 10, 1),
        (["x" * 64 * KB], 1),
        (["x" * 64 * KB, "x"], 2),
        (["é" * 33 * KB], 2),
    ],
    ids=["none", "one", "a batch", "64 KB", "a byte more", "bytes and not letters"],
)
def test_sqs_requests(bodies: list[str], requests: int) -> None:
    assert units.sqs_requests(bodies) == requests


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "abc"}, 3),
        ({"S": "é"}, 2),
        ({"N": "1795428928000"}, 6),
        ({"N": "-12.5"}, 4),
        ({"N": "0"}, 1),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"L": [{"S": "ab"}, {"S": "c"}]}, 3 + 2 + 3),
        ({"M": {"k": {"S": "ab"}}}, 3 + 1 + 1 + 2),
        ({"SS": ["ab", "c"]}, 3),
    ],
    ids=lambda value: str(value),
)
def test_item_size(value: dict[str, Any], size: int) -> None:
    assert units.item_size({"name": value}) == len("name") + size


def item(size: int, **more: Any) -> dict[str, Any]:
    return {"a": {"S": "x" * (size - 1)}, **more}


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        (None, item(10), 1),
        (None, item(KB), 1),
        (None, item(KB + 1), 2),
        (item(3 * KB), item(10), 3),
        (item(10), item(3 * KB), 3),
        (item(2000), item(2000), 2),
        (None, None, 1),
    ],
    ids=["new", "1 KB", "a byte more", "smaller", "larger", "refused", "refused, nothing there"],
)
def test_write_units(before: Any, after: Any, written: int) -> None:
    assert units.write_units(before, after) == written
    assert units.write_units(before, after, transactional=True) == 2 * written


KEY = {"pk": {"S": "DISPATCH#1"}, "sk": {"S": "DISPATCH"}}
LISTED = KEY | {"listed": {"S": "LISTED#a#M#1"}, "listed_at": {"S": "2026"}, "channel": {"S": "sms"}}
OPEN = KEY | {"open": {"S": "OPEN#1"}, "ends_by": {"N": "1795428928"}}


def test_every_index_is_counted() -> None:
    declared = template()["Resources"]["Table"]["Properties"]["GlobalSecondaryIndexes"]
    assert [
        (
            *(key["AttributeName"] for key in index["KeySchema"]),
            *index["Projection"].get("NonKeyAttributes", ()),
        )
        for index in declared
    ] == list(units.INDEXES)


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        (None, KEY, 0),
        (None, OPEN, 1),
        (OPEN, OPEN | {"step": {"N": "1"}}, 0),
        (OPEN, KEY, 1),
        (OPEN, OPEN | {"ends_by": {"N": "5"}}, 2),
        (None, LISTED | OPEN, 2),
        (LISTED, LISTED | {"status": {"S": "read"}}, 0),
        (LISTED | OPEN, LISTED, 1),
    ],
    ids=[
        "in none",
        "new in it",
        "another attribute",
        "leaves it",
        "its key changes",
        "new in both",
        "one that never changes",
        "leaves one of two",
    ],
)
def test_index_units(before: Any, after: Any, written: int) -> None:
    assert units.index_units(before, after) == written


@pytest.mark.parametrize(
    ("sizes", "consistent", "read"),
    [
        ([], True, 1),
        ([], False, 0.5),
        ([4 * KB], True, 1),
        ([4 * KB + 1], True, 2),
        ([4 * KB + 1], False, 1),
        ([100] * 30, True, 1),
    ],
    ids=["nothing there", "nothing, eventual", "4 KB", "a byte more", "eventual", "a page of small ones"],
)
def test_read_units(sizes: list[int], consistent: bool, read: float) -> None:
    assert units.read_units(sizes, consistent=consistent) == read


def test_transitions_are_states_entered_and_retries() -> None:
    types = ["ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskFailed", "TaskScheduled"]
    types += ["TaskSucceeded", "TaskStateExited", "ChoiceStateEntered", "ChoiceStateExited"]
    types += ["TaskStateEntered", "EvaluationFailed", "TaskStateExited"]  # is not tried, and counts
    meter = Meter(prices.load().assumed)
    meter.transitions([{"type": each} for each in types])
    assert meter.total == {"transition": 4}


def test_every_price_is_dated_and_has_a_page() -> None:
    found = prices.load()
    assert found.region == "us-east-1"
    assert found.as_of.year >= 2026
    for price in found.lines.values():
        assert price.per_million > 0
        assert price.page.startswith("https://aws.amazon.com/")
        assert price.confirmed in ("AWS", "secondary", "unconfirmed")
        assert price.source


def test_lines_add_up() -> None:
    found = prices.load()
    by = {"send": {"http_api": 1.0, "sqs_request": 2.0}, "state machine": {"transition": 2.0}}
    measured = Measured("x", 1, by, {})
    assert measured.dollars(found) == pytest.approx({"http_api": 1.0, "sqs_request": 0.8, "transition": 50})
    assert measured.total(found) == pytest.approx(51.8)
    assert measured.dollars_by(found) == pytest.approx({"send": 1.8, "state machine": 50})
    with pytest.raises(KeyError, match="no price for stars"):
        found.dollars({"stars": 1})


# --- what one may ask for -----------------------------------------------------------------------------

MESSAGE = {
    "send dynamodb:GetItem": 1,
    "send dynamodb:PutItem": 1,
    "send sqs:SendMessage": 1,
    "deliver dynamodb:GetItem": 2,
    "deliver dynamodb:UpdateItem": 2,
    "deliver sqs:SendMessage": 1,
    "deliver sqs:ReceiveMessage (poller)": 1,
    "deliver sqs:DeleteMessageBatch (poller)": 1,
    "status dynamodb:UpdateItem": 2,
    "status sqs:SendMessage": 2,
    "notify dynamodb:GetItem": 3,  # half a unit each
    "notify sqs:ReceiveMessage (poller)": 3,
    "notify sqs:DeleteMessageBatch (poller)": 3,
}
DISPATCH = {
    **{call: count for call, count in MESSAGE.items() if not call.startswith("send ")},
    "dispatch dynamodb:GetItem": 1,
    "dispatch dynamodb:PutItem": 2,
    "dispatch stepfunctions:StartExecution": 1,
    "state machine sqs:SendMessage": 2,
    "deliver dynamodb:GetItem": 3,
    "deliver dynamodb:PutItem": 1,
    "status stepfunctions:SendTaskSuccess": 1,
    "notify dynamodb:GetItem": 5,
    "notify dynamodb:UpdateItem": 1,
    "notify sqs:ReceiveMessage (poller)": 4,
    "notify sqs:DeleteMessageBatch (poller)": 4,
}
UNITS = {
    "message": {
        "http_api": 1,
        "lambda_request": 7,
        "sqs_request": 12,
        "dynamodb_write": 6,
        "dynamodb_read": 3.5,
    },
    "dispatch": {
        "http_api": 1,
        "lambda_request": 8,
        "sqs_request": 15,
        "dynamodb_write": 12,
        "dynamodb_read": 6.5,
        "transition": 2,
    },
}


@pytest.fixture(scope="module")
def measured() -> dict[str, Measured]:
    """One of each, one record a batch."""
    return {
        "message": cost.measure("message", cost.MESSAGES[cost.HEADLINE], count=1, batch=1),
        "dispatch": cost.measure("dispatch", cost.DISPATCHES["first wins"], count=1, batch=1),
    }


@pytest.mark.parametrize(("name", "bounds"), [("message", MESSAGE), ("dispatch", DISPATCH)])
def test_no_call_more_than_before(measured: dict[str, Measured], name: str, bounds: dict[str, int]) -> None:
    calls = measured[name].calls
    assert {call: count for call, count in calls.items() if count > bounds.get(call, 0)} == {}


@pytest.mark.parametrize("name", list(UNITS))
def test_no_unit_more_than_before(measured: dict[str, Measured], name: str) -> None:
    found = measured[name].units
    whole = {unit: found[unit] for unit in found if unit in prices.load().lines and found[unit] >= 1}
    assert {unit: count for unit, count in whole.items() if count > UNITS[name].get(unit, 0)} == {}
    assert found["http_api"] == 1  # or nothing was counted at all
    assert found["dynamodb_write"] >= 4


def test_ten_at_once_share_their_calls() -> None:
    calls = cost.measure("ten", cost.MESSAGES[cost.HEADLINE], count=10).calls
    assert calls["deliver sqs:SendMessageBatch"] == pytest.approx(0.1)
    assert "deliver sqs:SendMessage" not in calls


@pytest.mark.parametrize(
    ("name", "transitions"), [("second wins", 3), ("first refused", 3), ("all three fail", 5)]
)
def test_a_step_that_fails_costs_one_transition(name: str, transitions: int) -> None:
    """And one more the end of the last, if that fails too."""
    found = cost.measure(name, cost.DISPATCHES[name], count=1, batch=1)
    assert found.by["state machine"]["transition"] == transitions


def test_metrics_are_counted_and_providers_call_functions(measured: dict[str, Measured]) -> None:
    """As the template has both, unless it is told otherwise."""
    by = measured["message"].by
    assert by["deliver"]["log_gb"] > 200 / 1e9
    assert by["status"]["log_gb"] > 400 / 1e9
    assert "http_api" not in by["status"]


def test_a_hundred_cost_what_ten_cost() -> None:
    few, many = growth.units(messages=(10, 30), dispatches=())
    assert growth.grows([few, many]) == []


def test_growth_is_seen() -> None:
    few = Measured("10 messages", 10, {"send": {"sqs_request": 1.0, "lambda_gb_second": 1.0}}, {})
    many = Measured("1,000 messages", 10, {"send": {"sqs_request": 1.2, "lambda_gb_second": 9.0}}, {})
    assert growth.grows([few, many]) == ["1,000 messages: sqs_request 1.2, not 1"]


# --- the model of quotas -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("load", "rate", "limit"),
    [
        (scaling.MESSAGE, 100, ""),
        (scaling.MESSAGE, 10_000, "throttle of our HTTP API (ApiRate)"),
        (scaling.DISPATCH, 1_000, "StartExecution"),
    ],
    ids=["100 messages", "10,000 messages", "1,000 dispatches"],
)
def test_what_breaks_first(load: scaling.Load, rate: float, limit: str) -> None:
    found = scaling.simulate(load, rate, scaling.Quotas(), seconds=60)
    assert (limit in found.limits) if limit else (found.limits == {})
    assert found == scaling.simulate(load, rate, scaling.Quotas(), seconds=60)


def test_nothing_is_made_up_in_the_model() -> None:
    found = scaling.simulate(scaling.MESSAGE, 200, scaling.Quotas(), seconds=120)
    assert found.refused == pytest.approx(0, abs=1e-6)
    assert found.done == pytest.approx(found.offered, rel=0.05)


def test_what_cannot_start_waits_for_it() -> None:
    found = scaling.simulate(scaling.DISPATCH, 600, scaling.Quotas(), seconds=60)
    assert found.refused == pytest.approx(0, abs=1e-6)
    quota = scaling.Quotas().start_execution
    assert found.done == pytest.approx(quota.rate * 60 + quota.burst, rel=0.05)
    assert found.waiting > (600 - quota.rate) * 60 - quota.burst


@pytest.mark.parametrize("load", [scaling.MESSAGE, scaling.DISPATCH], ids=["messages", "dispatches"])
def test_no_partition_is_in_the_way(load: scaling.Load) -> None:
    found = scaling.simulate(load, 10_000, scaling.RAISED, seconds=120)
    assert not [name for name in found.limits if "partition" in name]


BATCH = {"Records": [{"eventSource": "aws:sqs", "body": "x" * 100}] * 2}


@pytest.mark.parametrize(
    ("event", "failures", "requests"),
    [
        (BATCH, 0, 2),
        (BATCH, 1, 2),
        (BATCH, 2, 1),
        ({"Records": [{"EventSource": "aws:sns"}]}, 0, 0),
        ("x", 0, 0),
    ],
    ids=["done", "partly done", "none done", "not of a queue", "no records"],
)
def test_the_stacks_meter_counts_what_pollers_do(event: Any, failures: int, requests: int) -> None:
    meter = stack.StackMeter()
    meter.polled(event, {"batchItemFailures": [{}] * failures})
    assert meter.counted.get("sqs_request", 0) == requests


@pytest.mark.parametrize(
    ("action", "answer", "consistent", "read"),
    [
        ("GetItem", {}, True, 1),
        ("GetItem", {"Item": item(4 * KB + 1)}, False, 1),
        ("Query", {"Items": [item(100)] * 3}, True, 1),
        ("DescribeTable", {}, True, 0),
    ],
    ids=["nothing there", "eventual", "a page", "no read"],
)
def test_the_stacks_meter_counts_reads(action: str, answer: Any, consistent: bool, read: float) -> None:
    meter = stack.StackMeter()
    meter.asked(action, {"ConsistentRead": consistent}, [], (200, {}, json.dumps(answer)))
    assert meter.counted.get("dynamodb_read", 0) == read


def test_tables_align() -> None:
    assert report.table([["", "one"], ["a line", "1.00"]]) == "         one\n------------\na line  1.00"


def test_every_function_has_a_first_event() -> None:
    with system(metered=False) as at:
        for name in at.cloud.functions:
            assert cold.event(at, name).keys() & {"Records", "requestContext"}
