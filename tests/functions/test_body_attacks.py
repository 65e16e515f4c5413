"""Bodies, queries and paths that no client sends: a clean 4xx from every route, and never a stumble."""

import hashlib
import hmac
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from moto.dynamodb.models import dynamodb_backends

from switchboard.api import LONGEST_BODY
from tests.functions.flows import Flow
from tests.support import door, payloads
from tests.support.door import Answer

WITH_BODY = [route for route in door.GUARDED if route[0] in ("POST", "PUT", "PATCH")]
JSON_ROUTES = [
    route
    for route in WITH_BODY
    if not route[1].startswith(("/number/", "/account/")) and "promote" not in route[1]
]
FORMS = [("POST", "/number/update"), ("POST", "/account/settings")]
NO_BODY = {
    "/accounts/{api_key}/signature-secrets",  # may be empty, as may be that of verify
    "/accounts/{provider}/{account_id}/verify",
}


LENIENT = {("PUT", "/accounts/{provider}/{account_id}"), ("POST", "/v2/applications")}
"""An account can have any settings, and an application any name."""


@pytest.fixture(scope="module")
def flow() -> Iterator[Flow]:
    with door.opened() as flow:
        yield flow


@pytest.fixture(autouse=True)
def _nothing_stays(flow: Flow) -> Iterator[None]:
    """What was taken goes again: moto looks through the whole table for every list that is asked for."""
    items = dynamodb_backends["123456789012"]["us-east-1"].tables["table"].items
    before = {(pk, sk) for pk, row in items.items() for sk in row}
    yield
    for pk, sk in [(pk, sk) for pk, row in items.items() for sk in row if (pk, sk) not in before]:
        del items[pk][sk]


@pytest.fixture(autouse=True)
def _nobody_stumbles(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.ERROR):
        yield
    assert [record.getMessage() for record in caplog.records if "switchboard" in record.pathname] == []


def clean(answer: Answer) -> None:
    """Refused in the API's own words."""
    assert 400 <= answer.status < 500, answer
    assert answer.status not in (401, 403), answer
    if answer.text:
        assert isinstance(answer.body, dict)


def label(route: tuple[str, str]) -> str:
    return " ".join(route)


DEEP = 100_000
NAMES = ("to", "from", "message", "workflow", "name", "number", "id", "senders", "channel", "event_ids")
BROKEN: dict[str, bytes | str] = {
    "nothing": "",
    "spaces": "   ",
    "a word": "hello",
    "cut short": '{"a": ',
    "two": "{}{}",
    "a comma too many": '{"a": 1,}',
    "single quotes": "{'a': 1}",
    "a comment": '{"a": 1} // x',
    "not UTF-8": b'{"a": "\xff"}',
    "cut in a letter": b'{"a": "\xc3"}',
    "overlong": b'{"a": "\xc0\x80"}',
    "a surrogate in UTF-8": b'{"a": "\xed\xa0\xbd"}',
    "NUL bytes": b"\x00\x00",
    "deep lists": "[" * DEEP,
    "deep lists, closed": "[" * DEEP + "]" * DEEP,
    "deep objects": '{"a":' * (LONGEST_BODY // 6),
    "deep objects, closed": '{"a":' * 40_000 + "1" + "}" * 40_000,
    "NaN": '{"a": NaN}',
    "Infinity": '{"a": Infinity}',
    "-Infinity": '{"a": -Infinity}',
    "a number of 5000 digits": '{"a": 1' + "0" * 5000 + "}",
    "a number of 200,000 digits": '{"a": ' + "9" * 200_000 + "}",
    "half a surrogate pair": '{"a": "\\ud83d"}',
    "half of one as a name": '{"\\ud83d": 1}',
    "the wrong half first": '{"a": "\\udc00\\ud83d"}',
    "a raw line end": '{"a": "\n"}',
    "too long": '{"a": "' + "x" * LONGEST_BODY + '"}',
    "too long and deep": "[" * (LONGEST_BODY + 1),
    "too many bytes of few letters": ('{"a": "' + "é" * (LONGEST_BODY // 2) + '"}').encode(),
    "zeros of a megabyte": b"0" * 1_000_000,
    "zipped": b"\x1f\x8b\x08\x00" + b"\x00" * 100,
}
"""No JSON, or none that can be kept."""
ODD: dict[str, bytes | str] = {
    "null": "null",
    "true": "true",
    "a number": "7",
    "a list": "[]",
    "a text": '"x"',
    "1e400": '{"to": 1e400, "number": 1e400, "text": 1e400, "name": 1e400}',
    "-0.0": "-0.0",
    "an empty name": '{"": ""}',
    "NUL letters": '{"to": "\\u0000", "name": "\\u0000", "number": "\\u0000", "secret": "\\u0000"}',
    "twice the same name": '{"to": 1, "to": 2, "name": 1, "name": []}',
    "many names": json.dumps({f"n{n}": n for n in range(10_000)}),
    "a long list": json.dumps([0] * 50_000),
    "proto": '{"__proto__": {"x": 1}, "constructor": 1}',
    "lists for all": json.dumps({name: [[]] for name in NAMES}),
    "objects for all": json.dumps({name: {"a": {}} for name in NAMES}),
    "deep as far as goes": '{"to": ' + "[" * 500 + "]" * 500 + "}",
    "with a BOM": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-32": '{"a": 1}'.encode("utf-32-be"),
}
"""JSON, and no request."""


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_no_json(flow: Flow, body: bytes | str) -> None:
    for route in JSON_ROUTES:
        answer = door.request(flow.cloud, *route, body=body, headers=payloads.basic())
        if route[1] in NO_BODY and not body.strip():
            continue
        clean(answer)


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_no_request(flow: Flow, body: bytes | str) -> None:
    for route in JSON_ROUTES:
        answer = door.request(flow.cloud, *route, body=body, headers=payloads.basic())
        if route in LENIENT or route[1] in NO_BODY:
            assert answer.status < 500, answer
        else:
            clean(answer)


@pytest.mark.parametrize("body", (BROKEN | ODD).values(), ids=BROKEN | ODD)
def test_forms(flow: Flow, body: bytes | str) -> None:
    """Whatever it is: there is no parameter in it that would do."""
    for route in FORMS:
        answer = door.request(flow.cloud, *route, body=body, headers=payloads.basic())
        assert answer.status in (200, 420), answer


@pytest.mark.parametrize("route", WITH_BODY, ids=label)
def test_wrong_base64(flow: Flow, route: tuple[str, str]) -> None:
    for body in ("{}", "é", "====", "A", "e3"):
        answer = door.request(flow.cloud, *route, body=body, encoded=True, headers=payloads.basic())
        assert 200 <= answer.status < 500, answer


def test_the_longest_body_is_taken(flow: Flow) -> None:
    """Just below the limit: what is refused above is refused for its length."""
    body = payloads.text("sms") | {"more": ""}
    room = LONGEST_BODY - len(json.dumps(body))
    for length, status in ((room, 202), (room + 1, 400)):
        text = json.dumps(body | {"more": "x" * length})
        answer = door.request(flow.cloud, "POST", "/v0.1/messages", body=text, headers=payloads.basic())
        assert answer.status == status


# --- within a message -----------------------------------------------------------------------------------

VALUES: dict[str, Any] = {
    "1e400": "1e400",
    "-1e400": "-1e400",
    "10**4000": "1" + "0" * 4000,
    "10**20": "1" + "0" * 20,
    "negative": "-1",
    "a fraction": "0.1",
    "NUL": '"\\u0000"',
    "half a surrogate pair": '"\\ud83d"',
    "a whole one": '"\\ud83d\\ude00"',
    "digits of another script": '"\\u0664\\u0664\\u0667\\u0667\\u0660\\u0660\\u0669\\u0660\\u0660\\u0661"',
    "right to left": '"\\u202e447700900100"',
    "a line end": '"447700900100\\n"',
    "true": "true",
    "null": "null",
    "an empty text": '""',
    "a long text": '"' + "x" * 100_000 + '"',
    "a list": "[[[]]]",
    "an object": '{"a": {"b": {}}}',
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_every_member_of_a_message(flow: Flow, value: str) -> None:
    """One by one replaced by something odd: refused, or taken where it may be so; never a stumble."""
    hook = {"address": "https://x.example", "http_method": "POST"}
    sender = {"channel": "messenger", "id": "1", "rate": {"per_second": 1}}
    asked: dict[tuple[str, str], Any] = {
        ("POST", "/v0.1/messages"): payloads.text("whatsapp", client_ref="r", failover={}),
        ("POST", "/v1/messages"): payloads.flat(
            "sms",
            client_ref="r",
            ttl=600,
            webhook_url="https://client.example/x",
            context={"message_uuid": "x"},
            failover=[payloads.flat("whatsapp")],
        ),
        ("POST", "/v0.1/dispatch"): payloads.workflow(payloads.step("sms", 600), payloads.step("whatsapp")),
        ("POST", "/v2/applications"): {
            "name": "x",
            "keys": {"public_key": "k"},
            "capabilities": {"messages": {"webhooks": {"status_url": hook}}},
        },
        ("PUT", "/accounts/{provider}/{account_id}"): {
            "credentials": {"access_token": "t", "app_secret": "s"},
            "senders": [sender],
        },
        ("POST", "/v0.1/templates"): {
            "name": "x",
            "language": "en",
            "category": "UTILITY",
            "components": [{"type": "BODY", "text": "x"}],
        },
        ("POST", "/beta/chatapp-accounts/messenger"): {"external_id": "1", "access_token": "t", "name": "n"},
        ("POST", "/v0.1/redact"): {"channel": "sms", "number": "1"},
        ("POST", "/v0.1/webhooks/replay"): {"from": "2026-11-25T09:30:00Z", "to": "2026-11-25T09:30:00Z"},
        ("POST", "/v0.1/webhooks/replay "): {"event_ids": ["x"]},
    }
    for (method, route), body in asked.items():
        for text in _replaced(body, value):
            answer = door.request(flow.cloud, method, route.strip(), body=text, headers=payloads.basic())
            assert answer.status < 500, (route, text[:300], answer)


def _replaced(body: Any, value: str) -> list[str]:
    """The body's JSON, each time with one value in it replaced."""
    mark = "\u2403"

    def paths(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        if path:
            yield path
        inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
        for name, each in inner:
            yield from paths(each, (*path, name))

    found = []
    for path in paths(body):
        copy = json.loads(json.dumps(body))
        place = copy
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = mark
        found.append(json.dumps(copy).replace(json.dumps(mark), value))
    return found


# --- queries and paths ------------------------------------------------------------------------------------

ASKED = ("page", "page_size", "size", "index", "sender", "name", "from", "to", "cursor", "number", "pattern")


def all_are(value: str) -> str:
    """Every parameter that a route reads, with the same value."""
    return "&".join(f"{name}={value}" for name in ASKED)


QUERIES = {
    "NUL": all_are("%00"),
    "not UTF-8": all_are("%ff"),
    "half a surrogate pair": all_are("%ed%a0%bd"),
    "huge numbers": all_are("9" * 5000),
    "negative": "page=-1&page_size=-1&size=-1&index=-1",
    "no numbers": "page=x&page_size=1.5&size=1e3&index=NaN",
    "other digits": "page=%D9%A1&page_size=%D9%A1&size=%D9%A1",
    "far times": "from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z",
    "odd times": "from=yesterday&to=2026-13-45T99:99:99Z",
    "times without a zone": "from=2026-11-25T09:30:00&to=2026-11-25",
    "a zone far off": "from=0001-01-01T00:00:00%2B23:59&to=9999-12-31T23:59:59-23:59",
    "long": all_are("x" * 100_000),
    "many": "&".join(f"n{n}={n}" for n in range(5000)),
    "nothing but signs": "&&&===&=&",
}
GETS = [route for route in door.GUARDED if route[0] == "GET"]


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_queries(flow: Flow, query: str) -> None:
    for route in GETS:
        answer = door.request(flow.cloud, *route, query=query, headers=payloads.basic())
        assert answer.status < 500, (route, answer)


PARAMETERS = {
    "NUL": "%00",
    "a raw NUL": "\x00",
    "not UTF-8": "%ff%fe",
    "half a surrogate pair": "%ed%a0%bd",
    "a raw half": "\ud83d",
    "a folder up": "..%2f..%2fetc",
    "a slash": "a%2fb",
    "a separator of ours": "x%23MESSAGE",
    "a raw one": "x#MESSAGE",
    "a percent sign": "%",
    "a bad escape": "%zz",
    "a space": "%20",
    "an emoji": "😀",
    "a plus": "+",
    "long": "x" * 4000,
    "a kilobyte": "x" * 1025,
    "two kilobytes": "x" * 2049,
    "a uuid in capitals": door.UUID.upper(),
    "a uuid in braces": f"{{{door.UUID}}}",
    "quotes": "'\"`",
    "a template": "${7*7}{{7*7}}",
}
WITH_PARAMETER = [route for route in door.GUARDED if "{" in route[1]]


@pytest.mark.parametrize("value", PARAMETERS.values(), ids=PARAMETERS)
def test_path_parameters(flow: Flow, value: str) -> None:
    for method, route in WITH_PARAMETER:
        parameters = dict.fromkeys(door.PARAMETERS, value)
        if "{api_key}" in route:  # the other one
            parameters["api_key"] = "localkey"
        for path in {door.filled(route, **parameters), door.filled(route, **{_last(route): value})}:
            answer = door.request(flow.cloud, method, route, path=path, body="{}", headers=payloads.basic())
            assert answer.status < 500, (method, path, answer)


def _last(route: str) -> str:
    return route.rpartition("{")[2].partition("}")[0]


# --- callbacks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", (BROKEN | ODD).values(), ids=BROKEN | ODD)
def test_callbacks_that_are_proven_and_odd(flow: Flow, body: bytes | str) -> None:
    """A provider whose secret is right can send nonsense too."""
    raw = body.encode() if isinstance(body, str) else body
    signature = "sha256=" + hmac.new(b"wa-secret", raw, hashlib.sha256).hexdigest()
    for path, route, headers, query in (
        ("/inbound/whatsapp_cloud/default", "inbound", {"x-hub-signature-256": signature}, ""),
        ("/status/infobip/default", "status", {}, "token=ib-token"),
    ):
        answer = door.request(
            flow.cloud,
            "POST",
            f"/{route}/{{provider}}/{{account_id}}",
            path=path,
            body=raw,
            headers=headers,
            query=query,
        )
        assert 200 <= answer.status < 500, answer


HEADERS = {
    "Idempotency-Key": ["", " ", "x" * 100_000, "é", "\x00", "\ud83d", "a\nb"],
    "Content-Type": ["", "x" * 10_000, "text/plain", "application/json; charset=utf-16", "é", "\x00"],
    "Accept": ["", "x/" * 10_000, "é", "\x00", "*/*;q=NaN", "text/html"],
    "X-Nexmo-Trace-Id": ["x" * 10_000, "é", "a\r\nSet-Cookie: x=1", "\x00"],
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers(flow: Flow, name: str) -> None:
    for value in HEADERS[name]:
        for route in door.GUARDED:
            headers = payloads.basic() | {name: value}
            answer = door.request(flow.cloud, *route, body="{}", headers=headers)
            assert answer.status < 500, (route, value[:50], answer)
            assert "\n" not in "".join(map(str, answer.headers.values()))
