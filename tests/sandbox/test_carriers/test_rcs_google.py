"""RCS through Google, with Google's own auth library as client and our adapter at both ends."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import AuthorizedSession
from google.auth.transport.requests import Request as GoogleRequest
from google.oauth2.service_account import Credentials as ServiceAccount

from sandbox.carriers.config import Config, Credentials
from sandbox.carriers.rcs_google import AUDIENCE, CLIENT_EMAIL, GRANT, SCOPE, RcsGoogle
from switchboard.adapters import adapter, base
from switchboard.adapters.base import Account
from switchboard.errors import SendError, Throttled, Unanswered, Unavailable, Unreachable
from switchboard.models.events import Hook, Inbound, Receipt
from switchboard.models.messages import (
    Audio,
    Channel,
    Content,
    Custom,
    File,
    Image,
    Location,
    Message,
    Status,
    Text,
    Video,
)

from .rig import CREDENTIALS, PACE, Call, Rig

pytestmark = pytest.mark.network

AGENT = "harbour_k3v9_agent"
CLIENT_TOKEN = CREDENTIALS.secret("rcs_google client_token")
STRANGER = Credentials.new()
HELLO = {"contentMessage": {"text": "Good day"}, "messageTrafficType": "TRANSACTION"}


def person(last4: str) -> str:
    """A number that no other test uses."""
    return f"7700{uuid4().int % 10**5:05d}{last4}"


def assertion(key: str = CREDENTIALS.private_key, **members: Any) -> str:
    now = int(time.time())
    claims = {"iss": CLIENT_EMAIL, "scope": SCOPE, "aud": AUDIENCE, "iat": now, "exp": now + 3600, **members}
    return jwt.encode(claims, key, "RS256")


def login(rig: Rig, words: str, grant: str = GRANT) -> httpx.Response:
    return rig.http.post("/rcs_google/token", data={"grant_type": grant, "assertion": words})


@pytest.fixture(scope="module")
def token(rig: Rig) -> str:
    answer = login(rig, assertion()).json()
    assert (answer["expires_in"], answer["token_type"]) == (3599, "Bearer")
    return str(answer["access_token"])


def send(
    rig: Rig, token: str, to: str, echo: str, body: Any = HELLO, agent: str = AGENT
) -> httpx.Response | None:
    """The answer; None when there was none."""
    try:
        return rig.http.post(
            f"/rcs_google/v1/phones/+{to}/agentMessages",
            params={"messageId": echo, "agentId": agent},
            json=body,
            headers={"authorization": f"Bearer {token}"},
        )
    except (httpx.RemoteProtocolError, httpx.ReadError):
        return None


def word(reply: httpx.Response | None) -> str:
    """What an answer says; "lost" when there was none."""
    if reply is None:
        return "lost"
    if reply.is_success:
        return "ok"
    error = reply.json()["error"]
    assert error["code"] == reply.status_code
    return str(error["status"])


def told(call: Call) -> Any:
    """What is wrapped in a callback; empty in those of other providers."""
    if call.path != "/inbound/rcs_google/default":
        return {}
    data = base64.b64decode(call.json["message"]["data"])
    mac = hmac.new(CLIENT_TOKEN.encode(), data, hashlib.sha512).digest()
    assert call.headers["x-goog-signature"] == base64.b64encode(mac).decode()
    return json.loads(data)


def calls(rig: Rig, needle: str, count: int = 1) -> list[Call]:
    """The callbacks with a value in what is wrapped, once there are `count`."""
    limit = time.monotonic() + 5
    while True:
        found = [call for call in list(rig.receiver.calls) if needle in told(call).values()]
        if len(found) >= count or time.monotonic() > limit:
            assert len(found) >= count
            return found
        time.sleep(0.01)


# --- messages --------------------------------------------------------------------------------------

HANDSETS: dict[str, tuple[list[str], list[str]]] = {
    "0001": (["ok"], ["DELIVERED"]),
    "0002": (["ok"], []),
    "0003": (["NOT_FOUND"], []),
    "0004": (["ok"], ["TTL_EXPIRATION_REVOKED"]),
    "0005": (["RESOURCE_EXHAUSTED"] * 2 + ["ok"], ["DELIVERED", "READ"]),
    "0006": (["lost", "ok"], ["DELIVERED", "READ"]),
    "0007": (["ok"], ["READ", "READ", "DELIVERED", "DELIVERED"]),
    "0008": (["UNAVAILABLE"] * 3 + ["ok"], ["DELIVERED", "READ"]),
    "0009": (["ok"], ["DELIVERED", "READ"]),
    "4321": (["ok"], ["DELIVERED", "READ"]),
}


@pytest.mark.parametrize("last4", HANDSETS)
def test_handset(rig: Rig, token: str, last4: str) -> None:
    to, echo = person(last4), str(uuid4())
    answers, expected = HANDSETS[last4]
    assert [word(send(rig, token, to, echo)) for _ in answers] == answers
    answered_at = time.monotonic()
    assert len(rig.sends(echo)) == (0 if last4 == "0003" else 1)
    found = calls(rig, echo, len(expected))
    time.sleep(0.1)  # nothing more comes
    assert [told(call)["eventType"] for call in calls(rig, echo, len(expected))] == expected
    for call in found:
        news = told(call)
        assert news["agentId"] == AGENT
        assert news["phoneNumber" if last4 == "0004" else "senderPhoneNumber"] == f"+{to}"
    assert last4 != "0009" or found[0].at < answered_at - 0.2 * PACE


def test_a_message_is_answered_with_itself(rig: Rig, token: str) -> None:
    to, echo = person("4321"), str(uuid4())
    reply = send(rig, token, to, echo)
    assert reply
    answer = reply.json()
    assert answer.pop("sendTime").endswith("Z")
    assert answer == {"name": f"phones/+{to}/agentMessages/{echo}", **HELLO}


def test_a_used_id_is_ignored(rig: Rig, token: str) -> None:
    to, echo = person("0001"), str(uuid4())
    assert [word(send(rig, token, to, echo)) for _ in range(2)] == ["ok", "ok"]
    calls(rig, echo)
    time.sleep(0.1)
    assert len(calls(rig, echo)) == len(rig.sends(echo)) == 1
    assert word(send(rig, token, to, echo, agent="another_agent")) == "ok"
    assert len(rig.sends(echo)) == 2


def revoke(rig: Rig, token: str, to: str, echo: str, agent: str) -> httpx.Response:
    return rig.http.delete(
        f"/rcs_google/v1/phones/+{to}/agentMessages/{echo}",
        params={"agentId": agent},
        headers={"authorization": f"Bearer {token}"},
    )


def test_what_is_revoked_is_not_read(rig: Rig, token: str) -> None:
    for _ in range(20):
        to, echo, started = person("4321"), str(uuid4()), time.monotonic()
        send(rig, token, to, echo)
        assert word(revoke(rig, token, to, echo, AGENT)) == "ok"
        if time.monotonic() - started < PACE:
            break  # before it was read
    time.sleep(1.5 * PACE)
    assert "READ" not in [told(call)["eventType"] for call in calls(rig, echo, 0)]


def test_nobody_else_can_revoke(rig: Rig, token: str) -> None:
    to, echo = person("4321"), str(uuid4())
    send(rig, token, to, echo)
    assert word(revoke(rig, token, to, echo, "another_agent")) == "NOT_FOUND"
    assert word(revoke(rig, token, person("4321"), echo, AGENT)) == "NOT_FOUND"
    assert len(calls(rig, echo, 2)) == 2


CHIP = {"text": "Map", "postbackData": "x"}
SPOT = {"latLong": {"latitude": "51.5", "longitude": -0.125}, "label": "The harbour"}
CARD: Mapping[str, Any] = {
    "title": "Order 7",
    "media": {"height": "TALL", "contentInfo": {"fileUrl": "https://e.example/a.jpg"}},
    "suggestions": [{"reply": CHIP}],
}
LARGE_CARD = {"description": "x" * 2000, "suggestions": [{"reply": {**CHIP, "postbackData": "€" * 2048}}] * 4}
TAKEN: dict[str, Mapping[str, Any]] = {
    "longest text": {"contentMessage": {"text": "x" * 3072}},
    "ttl": {"contentMessage": {"text": "x"}, "ttl": "1296000s"},
    "expiry": {"contentMessage": {"text": "x"}, "expireTime": "2026-12-01T10:00:00Z"},
    "file": {"contentMessage": {"contentInfo": {"fileUrl": "https://e.example/a.pdf", "forceRefresh": True}}},
    "uploaded file": {"contentMessage": {"uploadedRbmFile": {"fileName": "files/1"}}},
    "card": {
        "contentMessage": {
            "richCard": {"standaloneCard": {"cardOrientation": "VERTICAL", "cardContent": CARD}}
        }
    },
    "carousel": {
        "contentMessage": {"richCard": {"carouselCard": {"cardWidth": "SMALL", "cardContents": [CARD, CARD]}}}
    },
    "just not too large": {
        "contentMessage": {
            "richCard": {"carouselCard": {"cardWidth": "SMALL", "cardContents": [LARGE_CARD] * 9}}
        }
    },
    "chips": {
        "contentMessage": {
            "text": "x",
            "suggestions": [
                {"reply": CHIP},
                {"action": {**CHIP, "viewLocationAction": SPOT}},
                {"action": {**CHIP, "openUrlAction": {"url": "https://e.example"}}},
                {"action": {**CHIP, "dialAction": {"phoneNumber": "+447700900321"}}},
                {"action": {**CHIP, "shareLocationAction": {}}},
                {
                    "action": {
                        **CHIP,
                        "createCalendarEventAction": {
                            "startTime": "2026-12-01T10:00:00Z",
                            "endTime": "2026-12-01T11:00:00Z",
                            "title": "Quay",
                        },
                    }
                },
            ],
        }
    },
}


@pytest.mark.parametrize("body", TAKEN.values(), ids=list(TAKEN))
def test_takes_a_message(rig: Rig, token: str, body: Any) -> None:
    assert word(send(rig, token, person("0002"), str(uuid4()), body)) == "ok"


REFUSED: dict[str, Any] = {
    "no object": [],
    "nothing": {},
    "no content": {"contentMessage": {}},
    "two contents": {"contentMessage": {"text": "x", "richCard": {}}},
    "empty text": {"contentMessage": {"text": ""}},
    "long text": {"contentMessage": {"text": "x" * 3073}},
    "unknown member": {**HELLO, "silent": True},
    "unknown traffic": {**HELLO, "messageTrafficType": "TRANSACTIONAL"},
    "ttl and expiry": {**HELLO, "ttl": "60s", "expireTime": "2026-12-01T10:00:00Z"},
    "ttl without unit": {**HELLO, "ttl": "60"},
    "ttl too long": {**HELLO, "ttl": "1296001s"},
    "no ttl": {**HELLO, "ttl": "0s"},
    "address": {"contentMessage": {"contentInfo": {"fileUrl": "s3://b/k"}}},
    "twelve chips": {"contentMessage": {"text": "x", "suggestions": [{"reply": CHIP}] * 12}},
    "long chip": {"contentMessage": {"text": "x", "suggestions": [{"reply": {**CHIP, "text": "x" * 26}}]}},
    "chip without action": {"contentMessage": {"text": "x", "suggestions": [{"action": CHIP}]}},
    "place": {
        "contentMessage": {
            "text": "x",
            "suggestions": [{"action": {**CHIP, "viewLocationAction": {"latLong": {"latitude": 91}}}}],
        }
    },
    "empty card": {
        "contentMessage": {"richCard": {"standaloneCard": {"cardOrientation": "VERTICAL", "cardContent": {}}}}
    },
    "carousel of one": {
        "contentMessage": {"richCard": {"carouselCard": {"cardWidth": "SMALL", "cardContents": [CARD]}}}
    },
    "too large": {
        "contentMessage": {
            "richCard": {"carouselCard": {"cardWidth": "SMALL", "cardContents": [LARGE_CARD] * 10}}
        }
    },
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=list(REFUSED))
def test_refuses_a_message(rig: Rig, token: str, body: Any) -> None:
    echo = str(uuid4())
    assert word(send(rig, token, person("0002"), echo, body)) == "INVALID_ARGUMENT"
    assert rig.sends(echo) == []


@pytest.mark.parametrize(
    ("to", "echo", "agent"),
    [
        ("44x", None, AGENT),
        ("0447700900321", None, AGENT),
        ("447700900321", "7", AGENT),
        ("447700900321", "0F6c2b1e6a524d1c9f3e2b7f6f3a1c10", AGENT),
        ("447700900321", None, ""),
        ("447700900321", None, "an agent"),
    ],
    ids=str,
)
def test_refuses_an_address(rig: Rig, token: str, to: str, echo: str | None, agent: str) -> None:
    assert word(send(rig, token, to, echo or str(uuid4()), agent=agent)) == "INVALID_ARGUMENT"


def get(rig: Rig, token: str, to: str, **query: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"}
    return rig.http.get(f"/rcs_google/v1/phones/+{to}/capabilities", params=query, headers=headers)


@pytest.mark.parametrize(
    ("last4", "query", "expected"),
    [
        ("4321", {"agentId": AGENT, "requestId": "r"}, "ok"),
        ("0003", {"agentId": AGENT}, "NOT_FOUND"),
        ("4321", {}, "INVALID_ARGUMENT"),
    ],
    ids=["RCS", "no RCS", "no agent"],
)
def test_capabilities(rig: Rig, token: str, last4: str, query: dict[str, str], expected: str) -> None:
    reply = get(rig, token, person(last4), **query)
    assert word(reply) == expected
    assert expected != "ok" or "RICHCARD_CAROUSEL" in reply.json()["features"]


def test_who_of_several_has_rcs(rig: Rig, token: str) -> None:
    def ask(users: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"}
        body = {"users": users, "agentId": AGENT}
        return rig.http.post("/rcs_google/v1/users:batchGet", json=body, headers=headers)

    reachable, not_so = f"+{person('4321')}", f"+{person('0003')}"
    assert ask([reachable, not_so]).json()["reachableUsers"] == [reachable]
    assert word(ask(["447700900321"])) == "INVALID_ARGUMENT"


# --- access ----------------------------------------------------------------------------------------

LOGINS: dict[str, tuple[Mapping[str, Any], str]] = {
    "another key": ({"key": STRANGER.private_key}, "invalid_grant"),
    "another account": ({"iss": "x@y.iam.example"}, "invalid_grant"),
    "another audience": ({"aud": "https://e.example/token"}, "invalid_grant"),
    "expired": ({"iat": 1_700_000_000, "exp": 1_700_003_600}, "invalid_grant"),
    "too long": ({"exp": int(time.time()) + 7200}, "invalid_grant"),
    "no scope": ({"scope": "openid"}, "invalid_scope"),
}


@pytest.mark.parametrize(("members", "error"), LOGINS.values(), ids=list(LOGINS))
def test_refuses_a_login(rig: Rig, members: Mapping[str, Any], error: str) -> None:
    reply = login(rig, assertion(**members))
    assert (reply.status_code, reply.json()["error"]) == (400, error)


def test_refuses_other_logins(rig: Rig) -> None:
    assert login(rig, "x").json()["error"] == "invalid_grant"
    assert login(rig, assertion(), grant="password").json()["error"] == "unsupported_grant_type"


def test_wants_its_token(rig: Rig) -> None:
    assert word(send(rig, "wrong", person("4321"), str(uuid4()))) == "UNAUTHENTICATED"
    assert word(get(rig, "wrong", person("4321"), agentId=AGENT)) == "UNAUTHENTICATED"


def service_account(rig: Rig, key: str) -> Any:
    info = {
        "type": "service_account",
        "client_email": CLIENT_EMAIL,
        "private_key": key,
        "private_key_id": "k-1",
        "token_uri": f"{rig.url}/rcs_google/token",
    }
    return ServiceAccount.from_service_account_info(info, scopes=[SCOPE])  # type: ignore[no-untyped-call]


def test_googles_library_logs_in(rig: Rig) -> None:
    to, echo = person("0001"), str(uuid4())
    with AuthorizedSession(service_account(rig, CREDENTIALS.private_key)) as session:  # type: ignore[no-untyped-call]
        session.trust_env = False
        url = f"{rig.url}/rcs_google/v1/phones/+{to}/agentMessages"
        reply = session.post(url, params={"messageId": echo, "agentId": AGENT}, json=HELLO)
    assert reply.status_code == 200
    assert reply.json()["name"] == f"phones/+{to}/agentMessages/{echo}"


def test_googles_library_is_refused(rig: Rig) -> None:
    with pytest.raises(RefreshError, match="invalid_grant"):
        service_account(rig, STRANGER.private_key).refresh(GoogleRequest())


# --- our adapter -----------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _no_tokens() -> None:
    base.forget_tokens()


def account(rig: Rig, **settings: Any) -> Account:
    known = RcsGoogle.account(rig.url, rig.receiver.url, CREDENTIALS)
    return Account("rcs_google", "default", known | settings)


def message(to: str, uuid: str, content: Content | None = None, **members: Any) -> Message:
    return Message(
        message_uuid=uuid,
        channel=Channel.RCS,
        sender=AGENT,
        recipient=to,
        content=content or Text(type="text", text="Good day"),
        **members,
    )


def events(rig: Rig, call: Call) -> Any:
    ours, hook = adapter("rcs_google"), Hook(call.body, headers=call.headers)
    assert ours.handshake(hook, account(rig)) is None
    ours.verify(hook, account(rig))
    return ours.events(ours.plain(hook, account(rig)))


URL = "https://e.example/a"
CONTENTS: dict[str, Content] = {
    "text": Text(type="text", text="Grüße ☕"),
    "image": Image(type="image", url=URL, caption="x"),
    "audio": Audio(type="audio", url=URL),
    "video": Video(type="video", url=URL),
    "file": File(type="file", url=URL),
    "location": Location(type="location", latitude=51.5, longitude=-0.125),
    "named location": Location(
        type="location", latitude=-90, longitude=0, name="n" * 300, address="a" * 3000
    ),
    "custom": Custom(
        type="custom",
        custom={"richCard": {"standaloneCard": {"cardOrientation": "VERTICAL", "cardContent": {**CARD}}}},
    ),
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=list(CONTENTS))
def test_our_adapter_sends(rig: Rig, content: Content) -> None:
    uuid = str(uuid4())
    sent = message(person("0002"), uuid, content, lifetime=600)
    assert adapter("rcs_google").send(sent, account(rig), rig.http) == uuid
    assert len(rig.sends(uuid)) == 1


def test_our_adapter_sends_once(rig: Rig) -> None:
    sent = message(person("0006"), str(uuid4()))
    with pytest.raises(Unanswered):
        adapter("rcs_google").send(sent, account(rig), rig.http)
    assert adapter("rcs_google").send(sent, account(rig), rig.http) == sent.message_uuid
    assert len(rig.sends(sent.message_uuid)) == 1


@pytest.mark.parametrize(
    ("last4", "error"), [("0003", Unreachable), ("0005", Throttled), ("0008", Unavailable)], ids=str
)
def test_our_adapter_reads_the_errors(rig: Rig, last4: str, error: type[SendError]) -> None:
    with pytest.raises(error):
        adapter("rcs_google").send(message(person(last4), str(uuid4())), account(rig), rig.http)


@pytest.mark.parametrize(
    ("last4", "statuses"),
    [("4321", [Status.DELIVERED, Status.READ]), ("0004", [Status.UNDELIVERABLE])],
    ids=str,
)
def test_our_adapter_reads_receipts(rig: Rig, last4: str, statuses: list[Status]) -> None:
    sent = message(person(last4), str(uuid4()))
    provider_id = adapter("rcs_google").send(sent, account(rig), rig.http)
    found = [event for call in calls(rig, provider_id, len(statuses)) for event in events(rig, call)]
    assert all(isinstance(event, Receipt) and event.at for event in found)
    assert [event.status for event in found] == statuses
    assert {event.message_uuid for event in found} == {sent.message_uuid}
    assert {event.provider_id for event in found} == {provider_id}


@pytest.mark.parametrize("plus", ["", "+"])
def test_our_adapter_reads_what_people_write(rig: Rig, plus: str) -> None:
    sender, words = person("4321"), f"Grüße {uuid4()}"
    written = {"channel": "rcs", "provider": "rcs_google", "from": plus + sender, "to": AGENT, "text": words}
    assert rig.http.post("/inbound", json=written).status_code == 202
    (call,) = calls(rig, words)
    (event,) = events(rig, call)
    assert isinstance(event, Inbound)
    assert (event.sender, event.recipient, event.content) == (sender, AGENT, Text(type="text", text=words))


@pytest.mark.parametrize(
    ("key", "state"),
    [(CREDENTIALS.private_key, "verified"), (STRANGER.private_key, "failed")],
    ids=["", "another key"],
)
def test_our_adapter_is_verified(rig: Rig, key: str, state: str) -> None:
    ours = account(rig, private_key=key)
    assert adapter("rcs_google").verification(ours, Channel.RCS, AGENT, rig.http).state == state


@pytest.mark.parametrize(
    ("known", "ok"), [(CLIENT_TOKEN, True), ("another", False)], ids=["", "another token"]
)
def test_our_adapter_shakes_hands(rig: Rig, known: str, ok: bool) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        hook = Hook(request.content, headers=dict(request.headers))
        answer = adapter("rcs_google").handshake(hook, account(rig, client_token=known))
        return httpx.Response(200, text=answer) if answer else httpx.Response(401)

    async def shake() -> bool | None:
        config = Config.model_validate(
            {
                "api_url": rig.receiver.url,
                "aws_endpoint": "",
                "receipts_topic": "",
                "inbound_topic": "",
                "credentials": CREDENTIALS,
            }
        )
        async with httpx.AsyncClient(transport=httpx.MockTransport(reply)) as client:
            return await RcsGoogle(config, None).handshake(client)  # type: ignore[arg-type]

    assert asyncio.run(shake()) is ok


def test_the_handshake_is_offered(rig: Rig) -> None:
    assert rig.http.post("/handshake/rcs_google").json() == {"ok": False}  # the rig answers nothing
