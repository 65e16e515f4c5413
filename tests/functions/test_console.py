"""The console's pages and its sessions: who is let in, for how long, and what the browser is told."""

import base64
import gzip
import hmac
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest

from switchboard import clock
from switchboard.console import LONGEST_SECONDS, PASS_SECONDS, SESSION_SECONDS
from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.cloud import API_KEY, API_SECRET, CONTEXT

SESSION = "/console/session"
KEY_AND_SECRET = {"api_key": API_KEY, "api_secret": API_SECRET}


class Browser:
    """Signs in and keeps its cookie, as browsers do."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.cookie = ""
        self.set_cookie = ""

    def ask(
        self, method: str, body: Any = None, query: str = "", **headers: str
    ) -> tuple[int, Any, dict[str, Any]]:
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": f"{method} {SESSION}",
            "rawPath": SESSION,
            "rawQueryString": query,
            "queryStringParameters": dict(parse_qsl(query, keep_blank_values=True)),
            "headers": {"host": "api.example", "sec-fetch-site": "same-origin", **headers},
            "cookies": [self.cookie] if self.cookie else [],
            "requestContext": {
                "domainName": "api.example",
                "http": {"method": method, "path": SESSION, "sourceIp": "127.0.0.1"},
                "stage": "$default",
            },
            "body": body if body is None or isinstance(body, str) else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer = self.flow.cloud.functions["console"].handler(event, CONTEXT)
        for cookie in answer.get("cookies", []):
            self.set_cookie = cookie
            self.cookie = cookie.partition(";")[0]
        text = answer.get("body") or "null"
        return answer["statusCode"], json.loads(text), answer

    def sign_in(self, **given: Any) -> str:
        status, body, _ = self.ask("POST", KEY_AND_SECRET | given)
        assert status == 200, body
        return str(body["pass"])


@pytest.fixture
def browser(flow: Flow) -> Browser:
    return Browser(flow)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets seconds pass."""
    real, passed = clock.now, [0.0]
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(seconds=passed[0]))

    def later(seconds: float) -> None:
        passed[0] += seconds

    return later


def applications(flow: Flow, authorization: str) -> int:
    """What the API says to it."""
    headers = {"Authorization": authorization}
    return flow.cloud.http("applications", "GET", "/v2/applications", headers=headers)[0]


def test_a_pass_opens_what_key_and_secret_open(flow: Flow, browser: Browser) -> None:
    authorization = f"Console {browser.sign_in()}"
    assert applications(flow, authorization) == 200
    headers = {"Authorization": authorization}
    status, answer = flow.cloud.http("send", "POST", "/v0.1/messages", payloads.text("sms"), headers)
    assert status == 202, answer


def test_the_cookie_is_out_of_reach_of_pages_and_of_other_sites(browser: Browser) -> None:
    browser.sign_in()
    attributes = browser.set_cookie.split("; ")[1:]
    assert set(attributes) == {
        f"Path={SESSION}",
        f"Max-Age={SESSION_SECONDS}",
        "HttpOnly",
        "SameSite=Strict",
        "Secure",
    }


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080"])
def test_without_tls_on_this_machine_only(browser: Browser, host: str) -> None:
    browser.ask("POST", KEY_AND_SECRET, host=host)
    assert "Secure" not in browser.set_cookie


@pytest.mark.parametrize(
    ("given", "status"),
    [
        pytest.param({"api_secret": "x"}, 401, id="wrong secret"),
        pytest.param({"api_key": "x"}, 401, id="wrong key"),
        pytest.param({"api_secret": None}, 400, id="no secret"),
        pytest.param({"api_key": 7}, 400, id="a number for a key"),
        pytest.param({"api_secret": "x" * 201}, 400, id="long"),
        pytest.param({"api_secret": "ü\U0001f600"}, 401, id="not ASCII"),
    ],
)
def test_who_is_not_let_in(browser: Browser, given: dict[str, Any], status: int) -> None:
    got, body, _ = browser.ask("POST", KEY_AND_SECRET | given)
    assert (got, browser.cookie) == (status, "")
    if status == 400:
        assert [fault["name"] for fault in body["invalid_parameters"]] == list(given)


@pytest.mark.parametrize("body", ["", "[]", "not JSON", '"x"'])
def test_a_body_that_is_none(browser: Browser, body: str) -> None:
    assert browser.ask("POST", body)[0] == 400


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_other_sites_pages_are_refused(browser: Browser, method: str, site: str) -> None:
    browser.sign_in()
    before = browser.cookie
    assert browser.ask(method, KEY_AND_SECRET, **{"sec-fetch-site": site})[0] == 403
    assert browser.cookie == before


def test_a_session_gives_new_passes_as_long_as_it_is_used(
    flow: Flow, browser: Browser, later: Callable[[float], None]
) -> None:
    first = browser.sign_in()
    for _ in range(3):
        later(SESSION_SECONDS - 10)
        assert applications(flow, f"Console {first}") == 401, "a pass is for minutes"
        status, body, _ = browser.ask("GET")
        assert status == 200
        assert applications(flow, f"Console {body['pass']}") == 200
    later(SESSION_SECONDS + 1)
    assert browser.ask("GET")[0] == 401


def test_a_session_ends_though_it_is_used(browser: Browser, later: Callable[[float], None]) -> None:
    browser.sign_in()
    for _ in range(LONGEST_SECONDS // (SESSION_SECONDS - 60)):
        later(SESSION_SECONDS - 60)
        assert browser.ask("GET")[0] == 200
    later(SESSION_SECONDS - 60)
    assert browser.ask("GET")[0] == 401


def test_a_session_lives_from_when_somebody_was_at_work(
    browser: Browser, later: Callable[[float], None]
) -> None:
    """Not from when a page that nobody looks at asked."""
    browser.sign_in()
    later(600)
    assert browser.ask("GET", query="idle=600")[0] == 200
    assert f"Max-Age={SESSION_SECONDS - 600}" in browser.set_cookie
    later(SESSION_SECONDS - 600 - 2)
    last = browser.cookie
    assert browser.ask("GET", query=f"idle={SESSION_SECONDS - 2}")[0] == 200
    browser.cookie = last
    later(3)
    assert browser.ask("GET")[0] == 401, "whatever the page says then"


def test_a_page_that_says_that_nobody_is_there(browser: Browser) -> None:
    browser.sign_in()
    before = browser.cookie
    assert browser.ask("GET", query=f"idle={SESSION_SECONDS}")[0] == 401
    assert browser.ask("GET", query="idle=999999999")[0] == 401
    assert browser.cookie == before


@pytest.mark.parametrize("idle", ["-60", "soon", "", "1.5", "9" * 30, "٣"])
def test_what_is_no_time(browser: Browser, idle: str) -> None:
    browser.sign_in()
    status, body, _ = browser.ask("GET", query=f"idle={quote(idle)}")
    assert status == 400
    assert [fault["name"] for fault in body["invalid_parameters"]] == ["idle"]


def test_a_pass_ends(flow: Flow, browser: Browser, later: Callable[[float], None]) -> None:
    authorization = f"Console {browser.sign_in()}"
    later(PASS_SECONDS - 2)
    assert applications(flow, authorization) == 200
    later(3)
    assert applications(flow, authorization) == 401


def test_signing_out_takes_the_cookie_away(browser: Browser) -> None:
    browser.sign_in()
    assert browser.ask("DELETE")[0] == 204
    assert browser.cookie == "switchboard_console="
    assert "Max-Age=0" in browser.set_cookie
    assert browser.ask("GET")[0] == 204, "nobody is signed in"


def test_the_secret_that_was_used_takes_its_sessions_along(flow: Flow, browser: Browser) -> None:
    secrets = f"/accounts/{API_KEY}/secrets"
    status, made = flow.cloud.http(
        "applications", "POST", secrets, {"secret": "Another1secret"}, payloads.basic()
    )
    assert status == 201, made
    by_first, by_second = Browser(flow), browser
    passes = [by_first.sign_in(), by_second.sign_in(api_secret="Another1secret")]
    assert [applications(flow, f"Console {one}") for one in passes] == [200, 200]
    path = f"{secrets}/{made['id']}"
    assert flow.cloud.http("applications", "DELETE", path, headers=payloads.basic())[0] == 204
    assert [applications(flow, f"Console {one}") for one in passes] == [200, 401]
    assert [by_first.ask("GET")[0], by_second.ask("GET")[0]] == [200, 401]


def test_who_reads_the_table_cannot_make_a_pass(flow: Flow, browser: Browser) -> None:
    """What is kept of a secret there is not enough."""
    secrets = f"/accounts/{API_KEY}/secrets"
    secret = "Another1secret"
    assert flow.cloud.http("applications", "POST", secrets, {"secret": secret}, payloads.basic())[0] == 201
    told, _, signature = browser.sign_in(api_secret=secret).rpartition(".")
    kept, _ = flow.cloud.functions["console"].services.api_secrets.store.api_secrets()
    [added] = kept.added
    for key in (added.hash.encode(), *(part.encode() for part in added.hash.split("$"))):
        made_from = hmac.digest(key, b"switchboard console", "sha256")
        forged = (
            base64.urlsafe_b64encode(hmac.digest(made_from, told.encode(), "sha256")).rstrip(b"=").decode()
        )
        assert forged != signature
        assert applications(flow, f"Console {told}.{forged}") == 401
    assert applications(flow, f"Console {told}.{signature}") == 200


def test_a_wrong_key_costs_no_slow_hash(
    flow: Flow, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = f"/accounts/{API_KEY}/secrets"
    made = {"secret": "Another1secret"}
    assert flow.cloud.http("applications", "POST", secrets, made, payloads.basic())[0] == 201
    hashed: list[bytes] = []

    def fits(secret: bytes, kept: str) -> bool:
        hashed.append(secret)
        return False

    monkeypatch.setattr("switchboard.account_secrets.fits", fits)
    for key, tried in (("x", []), (API_KEY, [b"Wrong1secret"])):
        status, _, _ = browser.ask("POST", {"api_key": key, "api_secret": "Wrong1secret"})
        assert (status, hashed) == (401, tried)


def forged(text: str) -> dict[str, str]:
    """What somebody could make of a pass."""
    kind, secret_id, began, ends, signature = text.split(".")
    return {
        "nothing": "",
        "a word": "pass",
        "another kind": f"session.{secret_id}.{began}.{ends}.{signature}",
        "a longer life": f"{kind}.{secret_id}.{began}.{int(ends) + 60}.{signature}",
        "a later beginning": f"{kind}.{secret_id}.{int(began) + 60}.{ends}.{signature}",
        "another secret": f"{kind}.x.{began}.{ends}.{signature}",
        "no signature": f"{kind}.{secret_id}.{began}.{ends}.",
        "half a signature": f"{kind}.{secret_id}.{began}.{ends}.{signature[:20]}",
        "a part more": f"{text}.x",
        "letters beyond ASCII": f"{kind}.{secret_id}.{began}.{ends}.ü",
        "endless": f"{text}{'x' * 5000}",
    }


@pytest.mark.parametrize("name", forged("pass.a.1.2.c"))
def test_forgeries(flow: Flow, browser: Browser, name: str) -> None:
    text = browser.sign_in()
    assert applications(flow, f"Console {forged(text)[name]}") == 401


def test_cookie_and_pass_do_not_stand_for_each_other(flow: Flow, browser: Browser) -> None:
    text = browser.sign_in()
    session = browser.cookie.partition("=")[2]
    assert applications(flow, f"Console {session}") == 401
    browser.cookie = f"switchboard_console={text}"
    assert browser.ask("GET")[0] == 401


# --- pages ---------------------------------------------------------------------------------------


@pytest.fixture
def built(flow: Flow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flow:
    """As if the console had been built, into a folder with something secret beside it."""
    module = flow.cloud.functions["console"]
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<!doctype html>" + "x" * 2000)
    (static / "assets" / "index-abc.js").write_text("let x = 1;")
    (tmp_path / "secret.txt").write_text("not for browsers")
    monkeypatch.setattr(module, "STATIC", static)
    for cached in (module._files, module._read):
        cached.cache_clear()  # this function is of this test only
    return flow


def page(flow: Flow, path: str, **headers: str) -> dict[str, Any]:
    event = {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {"http": {"method": "GET", "path": path, "sourceIp": "::1"}, "stage": "$default"},
        "isBase64Encoded": False,
    }
    answer: dict[str, Any] = flow.cloud.functions["console"].handler(event, CONTEXT)
    return answer


@pytest.mark.parametrize("path", ["/console", "/console/"])
def test_the_page(built: Flow, path: str) -> None:
    answer = page(built, path, **{"accept-encoding": "gzip, br"})
    assert answer["statusCode"] == 200
    assert gzip.decompress(base64.b64decode(answer["body"])).startswith(b"<!doctype html>")
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"unsafe|data:|https?:|\*", policy)
    assert (headers["x-frame-options"], headers["x-content-type-options"]) == ("DENY", "nosniff")
    assert headers["cache-control"] == "no-cache"


def test_files_with_a_name_of_their_content_are_kept_for_ever(built: Flow) -> None:
    answer = page(built, "/console/assets/index-abc.js")
    assert base64.b64decode(answer["body"]) == b"let x = 1;"
    assert "immutable" in answer["headers"]["Cache-Control"]
    assert answer["headers"]["Content-Type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "name", ["../secret.txt", "..%2Fsecret.txt", "%2e%2e/secret.txt", "nothing.js", "../../app.py", ".."]
)
def test_nothing_else_is_served(built: Flow, name: str) -> None:
    answer = page(built, f"/console/assets/{name}")
    assert answer["statusCode"] == 404
    assert "not for browsers" not in str(answer)


def test_an_unbuilt_console_says_so(built: Flow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(built.cloud.functions["console"], "STATIC", tmp_path / "nowhere")
    answer = page(built, "/console")
    assert (answer["statusCode"], "make console" in answer["body"]) == (503, True)
