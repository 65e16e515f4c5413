"""What every route has in common: pings, traces, and the answers to what nobody offers."""

import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from switchboard import failures, negotiation, routes
from switchboard.errors import NotAcceptable, UnsupportedMediaType
from tests.support import payloads
from tests.support.cloud import Cloud
from tests.support.template import ROOT, http_routes, template

TRACE = "x-nexmo-trace-id"


ROUTES = http_routes()


def function(method: str, path: str) -> str:
    """Who gets a request: the route with the fewest parameters, or the default."""
    fitting = [
        route
        for route in ROUTES
        if route[0] == method and re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route[1])), path)
    ]
    return ROUTES[min(fitting, key=lambda route: route[1].count("{"))] if fitting else "send"


def ask(
    cloud: Cloud, method: str, path: str, headers: dict[str, str] | None = None, body: str | None = None
) -> tuple[int, dict[str, str], Any]:
    event = {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {name.lower(): value for name, value in (headers or {}).items()},
        "requestContext": {
            "domainName": "api.example",
            "http": {"method": method, "path": path, "sourceIp": "127.0.0.1"},
            "requestId": "r",
            "stage": "$default",
        },
        "body": body,
        "isBase64Encoded": False,
    }
    answer = cloud.call(function(method, path), event)
    found = {name.lower(): value for name, value in answer.get("headers", {}).items()}
    content = answer.get("body") or ""
    return answer["statusCode"], found, json.loads(content) if content[:1] == "{" else content


# --- routes --------------------------------------------------------------------------------------


def test_the_table_of_routes_is_the_templates() -> None:
    assert {(method, path) for path, methods in routes.ROUTES.items() for method in methods} == {
        (method, path.rstrip("/")) for method, path in ROUTES
    }


def test_one_route_takes_what_no_other_does() -> None:
    defaults = [
        name
        for name, resource in template()["Resources"].items()
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "HttpApi" and "Path" not in event["Properties"]
    ]
    assert defaults == ["SendFunction"]


@pytest.mark.parametrize(
    "path", ["/v0.1/messages/ping", "/v1/messages/ping", "/v0.1/dispatch/ping", "/v2/applications/ping"]
)
def test_ping_asks_for_no_credentials(cloud: Cloud, path: str) -> None:
    status, headers, body = ask(cloud, "GET", path)
    assert (status, body) == (200, {"status": "ok"})
    assert headers[TRACE]


METHODS = {
    "messages": ("DELETE", "/v0.1/messages", "GET, POST"),
    "with a slash": ("DELETE", "/v0.1/messages/", "GET, POST"),
    "a message": ("PUT", "/v0.1/messages/9c0e", "GET"),
    "a ping": ("POST", "/v0.1/messages/ping", "GET"),
    "applications": ("TRACE", "/v2/applications", "GET, POST"),
    "an application": ("PATCH", "/v2/applications/9c0e", "DELETE, GET, PUT"),
    "a Messenger account": ("PUT", "/beta/chatapp-accounts/messenger/1", "DELETE, GET, PATCH"),
    "head": ("HEAD", "/v0.1/messages/ping", "GET"),
    "as another path's parameter": ("HEAD", "/v0.1/dispatch/ping", "DELETE, GET"),
    "options": ("OPTIONS", "/v0.1/dispatch", "GET, POST"),
    "numbers": ("POST", "/account/numbers", "GET"),
}


@pytest.mark.parametrize(("method", "path", "allow"), METHODS.values(), ids=METHODS)
def test_wrong_method(cloud: Cloud, method: str, path: str, allow: str) -> None:
    status, headers, body = ask(cloud, method, path)
    assert (status, headers["allow"], headers["content-type"]) == (405, allow, "application/problem+json")
    assert body == {
        "type": "https://developer.nexmo.com/api-errors#wrong-verb",
        "title": "Request method not allowed",
        "detail": f"Request method '{method}' not supported",
        "instance": headers[TRACE],
    }


@pytest.mark.parametrize(
    "path",
    ["/", "/v0.1", "/v0x1/messages", "/v3/messages", "/v0.1/messages/a/b", "/v0.1/templates/a/", "/.env"],
)
def test_no_such_path(cloud: Cloud, path: str) -> None:
    status, headers, body = ask(cloud, "GET", path)
    if path == "/v0.1/templates/a/":  # the gateway has no such route, though the method would be right
        assert routes.allowed(path) == ["DELETE", "GET"]
    assert (status, headers["content-type"], body["title"]) == (404, "application/problem+json", "Not Found")
    assert body["type"] == "https://developer.nexmo.com/api-errors#not-found"
    assert body["instance"] == headers[TRACE]
    assert "allow" not in headers


# --- traces --------------------------------------------------------------------------------------

CALLS = {
    "taken": ("POST", "/v0.1/messages", 202),
    "refused": ("POST", "/v0.1/dispatch", 400),
    "listed": ("GET", "/v2/applications", 200),
    "form": ("POST", "/account/settings", 200),
    "numbers": ("GET", "/account/numbers", 200),
    "not there": ("GET", "/v2/applications/9c0e", 404),
    "empty answer": ("GET", "/beta/chatapp-accounts/messenger/1", 404),
    "accounts": ("GET", "/accounts", 200),
    "media": ("GET", "/v0.1/media/9c0e", 404),
    "a provider": ("POST", "/status/infobip/default", 403),
    "unknown": ("GET", "/nothing", 404),
}
GIVEN = {
    "own name": ("0123456789abcdef0123456789abcdef", True),
    "uuid": ("5c1a7b0e-93d4-4c0f-8a7e-2f6b1d3c4e5f", True),
    "empty": ("", False),
    "too long": ("a" * 65, False),
    "line break": ("a\r\nSet-Cookie: x", False),
    "not ASCII": ("spür", False),
}


@pytest.mark.parametrize(("method", "path", "expected"), CALLS.values(), ids=CALLS)
def test_every_answer_has_a_trace(cloud: Cloud, method: str, path: str, expected: int) -> None:
    body = json.dumps(payloads.text("sms") if path == "/v0.1/messages" else {}) if method == "POST" else None
    traces = set()
    for given in ({}, {}, {TRACE: "mine"}):
        status, headers, answer = ask(cloud, method, path, payloads.basic() | given, body)
        assert status == expected
        if status >= 400 and answer:
            assert answer["instance"] == headers[TRACE]
        traces.add(headers[TRACE])
    assert len(traces) == 3
    assert "mine" in traces


@pytest.mark.parametrize(("given", "kept"), GIVEN.values(), ids=GIVEN)
def test_only_a_harmless_trace_is_echoed(cloud: Cloud, given: str, kept: bool) -> None:
    _, headers, body = ask(cloud, "GET", "/nothing", {TRACE: given})
    assert headers[TRACE] == body["instance"]
    assert (headers[TRACE] == given) is kept
    assert re.fullmatch(r"[A-Za-z0-9-]{5,64}", headers[TRACE])


def test_too_fast(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """What we can bear is AWS's to say."""

    def busy(*_: Any) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "PutItem")

    monkeypatch.setattr("switchboard.store.Store.applications", busy)
    status, headers, body = ask(cloud, "GET", "/v2/applications", payloads.basic())
    assert (status, headers["retry-after"], body["title"]) == (429, "1", "Rate Limit Hit")
    assert body["instance"] == headers[TRACE]


# --- negotiation ---------------------------------------------------------------------------------

ACCEPTED = [
    "",
    "*/*",
    "*",
    "application/json",
    "Application/JSON; charset=utf-8",
    "application/*",
    "application/problem+json",
    "application/hal+json",
    "text/html, */*",
    "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
    "text/html;q=0.9,application/json;q=0.1",
    ",",
    "application/json;q=x",
]
NOT_ACCEPTED = ["text/html", "application/xml", "text/html, image/*", "application/json;q=0", "json"]


@pytest.mark.parametrize("header", ACCEPTED, ids=lambda header: header or "none")
def test_accept(header: str) -> None:
    negotiation.check_accept(header)


@pytest.mark.parametrize("header", NOT_ACCEPTED)
def test_accept_nothing_of_ours(header: str) -> None:
    with pytest.raises(NotAcceptable):
        negotiation.check_accept(header)


CONTENT = {
    "JSON": ("application/json", "{}"),
    "with a charset": ("application/json; charset=UTF-8", "{}"),
    "broken JSON": ("application/json", "{"),  # a 400 says more
    "a kind of it": ("application/vnd.api+json", "{}"),
    "not said": ("", "{"),
    "curl's default": ("application/x-www-form-urlencoded", '{"name": "x"}'),
    "text": ("text/plain;charset=UTF-8", '{"name": "x"}'),
    "bytes": ("application/octet-stream", "[]"),
    "nothing at all": ("text/xml", ""),
}
OTHER_CONTENT = {
    "XML": ("application/xml", "<a/>"),
    "said to be XML": ("text/xml", "{}"),
    "a form": ("application/x-www-form-urlencoded", "name=x"),
    "parts": ("multipart/form-data; boundary=x", "--x--"),
    "text": ("text/plain", "name"),
}


@pytest.mark.parametrize(("header", "body"), CONTENT.values(), ids=CONTENT)
def test_content(header: str, body: str) -> None:
    negotiation.check_content(header, body.encode())


@pytest.mark.parametrize(("header", "body"), OTHER_CONTENT.values(), ids=OTHER_CONTENT)
def test_other_content(header: str, body: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        negotiation.check_content(header, body.encode())


def test_applications_say_what_they_do_not_understand(cloud: Cloud) -> None:
    own = payloads.basic()
    status, headers, body = ask(cloud, "GET", "/v2/applications", own | {"Accept": "text/html"})
    assert (status, body) == (
        406,
        {
            "type": "https://developer.nexmo.com/api-errors#accept-header",
            "title": "Invalid Accept header",
            "detail": "Invalid Accept header provided. Must be one of the following: 'application/json'",
            "instance": headers[TRACE],
        },
    )
    for method, path in (("POST", "/v2/applications"), ("PUT", "/v2/applications/9c0e")):
        status, headers, body = ask(cloud, method, path, own | {"Content-Type": "text/xml"}, "<name>x</name>")
        assert (status, body) == (
            415,
            {
                "type": "https://developer.nexmo.com/api-errors#content-type-header",
                "title": "Unsupported Content-Type header",
                "detail": "Unsupported Content-Type header provided. "
                "Must be one of the following: 'application/json'",
                "instance": headers[TRACE],
            },
        )


def test_a_form_is_never_of_the_wrong_type(cloud: Cloud) -> None:
    """A newer client leaves the type of its last JSON request on its forms."""
    for path in ("/account/settings", "/number/update"):
        headers = payloads.basic() | {"Content-Type": "application/json"}
        assert ask(cloud, "POST", path, headers, "country=GB&msisdn=447700900100")[0] == 200


def test_a_message_is_taken_under_any_type(cloud: Cloud) -> None:
    body = json.dumps(payloads.text("sms"))
    headers = payloads.basic() | {"Content-Type": "text/xml", "Accept": "text/html"}
    assert ask(cloud, "POST", "/v0.1/messages", headers, body)[0] == 202


def test_numbers_that_are_no_json(cloud: Cloud) -> None:
    for word in ("NaN", "Infinity", "-Infinity"):
        body = f'{{"name": "x", "capabilities": {{"vbc": {{"a": {word}}}}}}}'
        assert ask(cloud, "POST", "/v2/applications", payloads.basic(), body)[0] == 400


# --- codes ---------------------------------------------------------------------------------------


def test_every_code_has_a_name() -> None:
    """Those that stand anywhere in our sources: in adapters' tables, as arguments, in answers."""
    given = {
        int(code)
        for path in (ROOT / "layers" / "switchboard" / "switchboard").rglob("*.py")
        for code in re.findall(r"(?<![\w.#-])1[0-4]\d{2}(?![\w.])", path.read_text())
        if path.name not in ("channels.py", "failures.py")
    }
    assert given >= {1000, 1020, 1340, 1382}
    assert given - {1024} <= set(failures.REASONS)  # that one is of bytes
    assert failures.reason(1400) == "Unsupported channel"
    assert failures.reason(9999) == failures.reason(1330) == "Unknown"
