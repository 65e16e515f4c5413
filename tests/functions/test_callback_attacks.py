"""Callbacks that no provider made: refused before anything is read, and nothing is written or queued."""

import base64
import gzip
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from switchboard.adapters import REGISTRY
from switchboard.models.events import Hook
from tests.adapters import test_apple, test_vonage, test_wechat
from tests.adapters.cases import fixture, known
from tests.functions.flows import Flow
from tests.functions.test_sns import TOPIC, notification
from tests.support import door
from tests.support.door import Answer


@pytest.fixture(scope="module")
def flow() -> Iterator[Flow]:
    """Every provider has an account `main` with the settings of its adapter's tests, and one `other` whose
    secrets are different ones."""
    with door.opened() as flow:
        for provider in REGISTRY:
            about = known(provider)
            settings = {**about.settings, "topics": [TOPIC]}
            changed = {name: _changed(value) for name, value in settings.items()}
            if about.secret:
                changed = settings | {about.secret: changed[about.secret]}
            for account, values in (("main", settings), ("other", changed)):
                flow.cloud.secrets.create_secret(
                    Name=f"sb/accounts/{provider}/{account}", SecretString=json.dumps(values)
                )
        yield flow


def _changed(value: Any) -> Any:
    """Another secret of the same form."""
    if not isinstance(value, str):
        return value
    try:  # Apple's is base64
        return base64.b64encode(bytes(reversed(base64.b64decode(value, validate=True)))).decode()
    except ValueError:
        return value[::-1]


def call(flow: Flow, provider: str, hook: Hook, account: str = "main", kind: str = "inbound") -> Answer:
    """A hook as HTTP brings it."""
    path, _, query = (hook.target or f"/{kind}/{provider}/{account}").partition("?")
    path = path.replace(f"/{provider}/main", f"/{provider}/{account}")
    if path.count("/") != 3:
        path = f"/{kind}/{provider}/{account}"
    name = path.split("/")[1]
    return door.request(
        flow.cloud,
        hook.method,
        f"/{name}/{{provider}}/{{account_id}}",
        path=path,
        body=hook.body,
        headers=dict(hook.headers),
        query=query or urlencode(hook.query, errors="surrogatepass"),
    )


def state(flow: Flow) -> tuple[str, dict[str, int]]:
    """All that a callback could change."""
    items = flow.cloud.dynamodb.scan(TableName="table")["Items"]
    return repr(items), {queue: flow.cloud.waiting(queue) for queue in flow.cloud.queues}


def refused(flow: Flow, provider: str, hooks: dict[str, Hook], **more: str) -> None:
    before = state(flow)
    found = {name: call(flow, provider, hook, **more) for name, hook in hooks.items()}
    assert {name: answer.status for name, answer in found.items()} == dict.fromkeys(hooks, 403)
    for answer in found.values():
        assert answer.body["detail"] == "Invalid signature"
    assert state(flow) == before


def batch(provider: str) -> bytes:
    return fixture(provider, known(provider).batch)


def strange(provider: str, body: bytes) -> dict[str, Hook]:
    """A believable callback with something else in the place of each proof of it."""
    true = known(provider).signed(body)
    names = [name for name in true.headers if name not in ("content-encoding", "id")]
    values = {
        "huge": "x" * 500_000,
        "not ASCII": "é\u00ff☃",
        "half a surrogate pair": "\ud83d",
        "NUL": "\x00",
        "spaces": "   ",
        "many dots": "." * 100_000,
        "a list": "[]",
        "numbers": "0",
        "true": "true",
    }
    found = {}
    for name in names:
        for kind, value in values.items():
            found[f"{name} {kind}"] = _replaced(true, headers={**true.headers, name: value})
    secrets = {"token", "signature", "msg_signature"} & true.query.keys()
    for name in secrets:
        for kind, value in values.items():
            found[f"?{name} {kind}"] = _replaced(true, query={**true.query, name: value})
    return found


def _replaced(hook: Hook, **members: Any) -> Hook:
    return replace(hook, **members)


@pytest.fixture(autouse=True)
def _nobody_stumbles(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.ERROR):
        yield
    assert [record.getMessage() for record in caplog.records if "switchboard" in record.pathname] == []


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "not JSON": b"\xff\x00 not JSON",
    "an object": b"{}",
    "a list": b"[]",
    "deep": b"[" * 100_000,
    "a megabyte": b"x" * 1_000_000,
    "zipped": gzip.compress(b"{}"),
    "a form": b"MessageStatus=delivered",
    "XML with entities": b'<!DOCTYPE x [<!ENTITY a "b">]><xml><Encrypt>&a;</Encrypt></xml>',
}


@pytest.mark.parametrize("kind", ["status", "inbound"])
@pytest.mark.parametrize("provider", REGISTRY)
def test_unsigned(flow: Flow, provider: str, kind: str) -> None:
    """Whatever is in it: it is refused before it is read."""
    bodies = BODIES | {"what the provider sends": batch(provider)}
    refused(flow, provider, {name: Hook(body) for name, body in bodies.items()}, kind=kind)


@pytest.mark.parametrize("provider", REGISTRY)
def test_forged(flow: Flow, provider: str) -> None:
    refused(flow, provider, dict(known(provider).forged(batch(provider))))


PROVEN = [provider for provider in REGISTRY if known(provider).secret]


@pytest.mark.parametrize("provider", PROVEN)
def test_signed_by_another_accounts_secret(flow: Flow, provider: str) -> None:
    refused(flow, provider, {"true of main": known(provider).signed(batch(provider))}, account="other")


@pytest.mark.parametrize("provider", PROVEN)
def test_odd_proofs(flow: Flow, provider: str) -> None:
    hooks = strange(provider, batch(provider))
    assert hooks or provider in ("twilio",)
    refused(flow, provider, hooks)


@pytest.mark.parametrize("provider", REGISTRY)
def test_believed(flow: Flow, provider: str) -> None:
    """The same callback with its own proof is taken: so it is the proof that was wrong above."""
    if provider == "aws":
        return  # through SNS, below
    hook = known(provider).signed(batch(provider))
    if provider == "wechat":
        hook = fresh_wechat(int(time.time()))
    if provider == "vonage":
        body = batch(provider)
        hook = test_vonage.hook(body, test_vonage.token(body, iat=int(time.time())))
    assert call(flow, provider, hook).status == 200


@pytest.mark.parametrize("provider", REGISTRY)
def test_handshakes_without_the_token(flow: Flow, provider: str) -> None:
    queries = [
        "",
        "hub.mode=subscribe&hub.challenge=x&hub.verify_token=",
        "echostr=x&signature=&timestamp=&nonce=",
    ]
    queries += ["hub.mode=subscribe&hub.challenge=x&hub.verify_token=%ed%a0%bd", "echostr=x&signature=%c3%a9"]
    for query in queries:
        answer = door.request(
            flow.cloud,
            "GET",
            "/inbound/{provider}/{account_id}",
            path=f"/inbound/{provider}/main",
            query=query,
        )
        assert answer.status == 403


UNKNOWN = ["nobody", "..", "%00", "%ed%a0%bd", "x" * 5000, "é", "*", "main%2f..%2fother", "a b"]


@pytest.mark.parametrize("account", UNKNOWN, ids=lambda text: text[:20])
def test_unknown_accounts(flow: Flow, account: str) -> None:
    for path in (f"/inbound/twilio/{account}", f"/inbound/{account}/main"):
        route = "/inbound/{provider}/{account_id}"
        answer = door.request(flow.cloud, "POST", route, path=path, body=b"{}")
        assert answer.status == 404, path


# --- old ones again ---------------------------------------------------------------------------------


def fresh_wechat(at: int, *, plain: bool = False) -> Hook:
    """A callback whose signature is of a moment."""
    body = batch("wechat")
    times = {"timestamp": str(at), "nonce": "77310"}
    if plain:
        signature = test_wechat.signature(test_wechat.TOKEN, *times.values())
        return Hook(body, query={**times, "signature": signature})
    words = test_wechat.encrypted(body)
    signature = test_wechat.signature(test_wechat.TOKEN, *times.values(), words)
    hook = test_wechat.envelope(words, msg_signature=signature)
    return _replaced(hook, query={**hook.query, **times})


@pytest.mark.parametrize("age", [3600, 301, -301, -3600])
def test_an_old_wechat_callback(flow: Flow, age: int) -> None:
    refused(flow, "wechat", {"old": fresh_wechat(int(time.time()) - age)})


@pytest.mark.parametrize("age", [-120, 0, 120])
def test_a_wechat_callback_of_now(flow: Flow, age: int) -> None:
    assert call(flow, "wechat", fresh_wechat(int(time.time()) - age)).status == 200


def test_an_old_apple_token(flow: Flow) -> None:
    now, body = int(time.time()), gzip.compress(batch("apple"))

    def hook(issued: int) -> Hook:
        token = test_apple.token(iat=issued)
        return Hook(body, headers={"authorization": f"Bearer {token}", "content-encoding": "gzip", "id": "1"})

    assert call(flow, "apple", hook(now - 80_000)).status == 200
    refused(flow, "apple", {"old": hook(now - 90_000), "of the beginning": hook(0)})


def test_an_old_vonage_token(flow: Flow) -> None:
    now, body = int(time.time()), batch("vonage")
    hooks = {name: test_vonage.hook(body, test_vonage.token(body, iat=at)) for name, at in (
        ("old", now - 26 * 3600), ("of the beginning", 1), ("of a far tomorrow", now + 27 * 3600)
    )}  # fmt: skip
    refused(flow, "vonage", hooks)
    taken = test_vonage.hook(body, test_vonage.token(body, iat=now - 24 * 3600))
    assert call(flow, "vonage", taken).status == 200


def test_sns_over_http(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole way: nothing of a message that is not proven is done, and its addresses are not called."""
    body = notification()
    hooks = {
        "another topic": body | {"TopicArn": "arn:aws:sns:eu-west-2:999911112222:evil"},
        "a certificate elsewhere": body | {"SigningCertURL": "https://evil.example/x.pem"},
        "no signature": body | {"Signature": ""},
        "no type": body | {"Type": "x"},
    }
    monkeypatch.setattr(flow.world, "provider", lambda request: httpx.Response(404))
    headers = {"x-amz-sns-message-type": "Notification"}
    refused(
        flow, "aws", {name: Hook(json.dumps(each).encode(), headers=headers) for name, each in hooks.items()}
    )
    assert {request.url.host for request in flow.world.sent} <= {"sns.eu-west-2.amazonaws.com"}
