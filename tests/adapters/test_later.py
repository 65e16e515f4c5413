"""What is asked of a provider about messages that are out already: that one was read, or is taken back."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from pywa import WhatsApp

from switchboard.adapters import REGISTRY, adapter, base
from switchboard.adapters.base import Account, Known
from switchboard.errors import ConfigurationError, Rejected, Throttled, Unreachable
from switchboard.models.messages import Channel
from tests.adapters.cases import UUID, Failed, Json, known, label, with_login

OURS, PERSON = "442079460123", "447700900321"
WAMID = "wamid.IN1+/="
SOCIAL = {"phone_number_ids": {OURS: "phone-number-id-0a1b"}}
READ = {"messaging_product": "whatsapp", "status": "read", "message_id": WAMID}
TYPING = {"typing_indicator": {"type": "text"}}


@dataclass(frozen=True)
class Asked:
    """A question about a message and the only request that it must lead to, if any. `url` is what logs may
    show; `target`, where given, is what is asked for in fact."""

    label: str
    provider: str
    message: Known
    what: str
    url: str | None = None
    body: Json | None = None
    method: str = "POST"
    typing: bool = False
    target: str | None = None
    settings: Json = field(default_factory=dict)


def of(channel: Channel, provider_id: str, sender: str = OURS, recipient: str = PERSON) -> Known:
    return Known(channel, provider_id, sender, recipient)


META = "https://graph.facebook.com/v26.0"
VONAGE = "https://api.nexmo.com/v1/messages"
GOOGLE = "https://rcsbusinessmessaging.googleapis.com"
AGENT = "harbour_k3v9_agent"
RCS = of(Channel.RCS, UUID, AGENT)
CASES = [
    Asked(
        "whatsapp_cloud read",
        "whatsapp_cloud",
        of(Channel.WHATSAPP, WAMID),
        "read",
        f"{META}/208114755012345/messages",
        READ,
    ),
    Asked(
        "whatsapp_cloud typing",
        "whatsapp_cloud",
        of(Channel.WHATSAPP, WAMID),
        "read",
        f"{META}/208114755012345/messages",
        READ | TYPING,
        typing=True,
    ),
    Asked("whatsapp_cloud revoke", "whatsapp_cloud", of(Channel.WHATSAPP, "wamid.OUT1"), "revoke"),
    Asked(
        "infobip read",
        "infobip",
        of(Channel.WHATSAPP, WAMID),
        "read",
        f"https://x1.api.example/whatsapp/1/senders/{OURS}/message/wamid.IN1%2B%2F%3D/read",
    ),
    Asked("infobip SMS", "infobip", of(Channel.SMS, "1"), "read"),
    Asked("infobip Viber", "infobip", of(Channel.VIBER, "1"), "read"),
    Asked(
        "vonage read",
        "vonage",
        of(Channel.WHATSAPP, UUID),
        "read",
        f"{VONAGE}/{UUID}",
        {"status": "read"},
        method="PATCH",
    ),
    Asked(
        "vonage typing",
        "vonage",
        of(Channel.WHATSAPP, f"{UUID}#1"),
        "read",
        f"{VONAGE}/{UUID}",
        {"status": "read", "replying_indicator": {"show": True, "type": "text"}},
        method="PATCH",
        typing=True,
    ),
    Asked("vonage SMS", "vonage", of(Channel.SMS, UUID), "read"),
    Asked(
        "vonage revoke", "vonage", RCS, "revoke", f"{VONAGE}/{UUID}", {"status": "revoked"}, method="PATCH"
    ),
    Asked("vonage revoke by WhatsApp", "vonage", of(Channel.WHATSAPP, UUID), "revoke"),
    Asked(
        "rcs_google read",
        "rcs_google",
        of(Channel.RCS, f"MxHarbour3 {PERSON}", AGENT),
        "read",
        f"{GOOGLE}/v1/phones/agentEvents?eventId=acb89254-81a2-57e0-992e-f647248add50&agentId={AGENT}",
        {"eventType": "READ", "messageId": "MxHarbour3"},
        target=(
            f"/v1/phones/+{PERSON}/agentEvents?eventId=acb89254-81a2-57e0-992e-f647248add50&agentId={AGENT}"
        ),
    ),
    Asked(
        "rcs_google revoke",
        "rcs_google",
        RCS,
        "revoke",
        f"{GOOGLE}/v1/phones/agentMessages/{UUID}?agentId={AGENT}",
        method="DELETE",
        target=f"/v1/phones/+{PERSON}/agentMessages/{UUID}?agentId={AGENT}",
    ),
    Asked(
        "messenger read",
        "messenger",
        of(Channel.MESSENGER, "m_1", "107705190000", "7710000000321"),
        "read",
        f"{META}/107705190000/messages",
        {"recipient": {"id": "7710000000321"}, "sender_action": "mark_seen"},
    ),
    Asked("aws SMS", "aws", of(Channel.SMS, "1"), "read"),
    *(
        Asked(f"{name} {what}", name, of(channel, "1"), what)
        for name, channel in (
            ("telegram", Channel.TELEGRAM),
            ("line", Channel.LINE),
            ("wechat", Channel.WECHAT),
            ("viber_bot", Channel.VIBER_BOT),
            ("apple", Channel.APPLE),
            ("twilio", Channel.WHATSAPP),
        )
        for what in ("read", "revoke")
    ),
]


def ask(case: Asked, status: int = 200, answer: Any = None) -> tuple[bool, list[httpx.Request]]:
    about = known(case.provider)
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(status, json={} if answer is None else answer)

    def request(account: Account) -> httpx.Request | None:
        if case.what == "revoke":
            return adapter(case.provider).revoke(case.message, account)
        return adapter(case.provider).read(case.message, account, typing=case.typing)

    base.forget_tokens()
    account = about.account(case.provider, **case.settings)
    with httpx.Client(transport=httpx.MockTransport(with_login(about, handle))) as client:
        return adapter(case.provider).tell(request, account, client), requests


@pytest.mark.parametrize("case", CASES, ids=label)
def test_asked(case: Asked) -> None:
    told, requests = ask(case)
    if case.url is None:
        assert (told, requests) == (False, [])
        return
    assert told
    (request,) = requests
    assert (request.method, str(request.url)) == (case.method, case.url)
    assert (json.loads(request.content) if request.content else None) == case.body
    assert request.headers["authorization"]
    if case.target:
        assert request.extensions["target"].decode() == case.target


def test_aws_passes_on_what_meta_would_get() -> None:
    case = Asked("", "aws", of(Channel.WHATSAPP, WAMID), "read", typing=True, settings=SOCIAL)
    told, (request,) = ask(case)
    assert told
    assert (request.method, request.url.path) == ("POST", "/v1/whatsapp/send")
    sent = json.loads(request.content)
    assert json.loads(base64.b64decode(sent.pop("message"))) == READ | TYPING
    assert sent == {"originationPhoneNumberId": "phone-number-id-0a1b", "metaApiVersion": "v23.0"}
    assert "/social-messaging/aws4_request" in request.headers["authorization"]


@pytest.mark.parametrize("typing", [False, True], ids=["read", "typing"])
def test_another_client_asks_for_the_same(typing: bool) -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"success": True})

    settings = known("whatsapp_cloud").settings
    with httpx.Client(transport=httpx.MockTransport(answer)) as session:
        pywa = WhatsApp("208114755012345", settings["access_token"], session=session)
        pywa.indicate_typing(WAMID) if typing else pywa.mark_message_as_read(WAMID)
    _, (ours,) = ask(Asked("", "whatsapp_cloud", of(Channel.WHATSAPP, WAMID), "read", typing=typing))
    assert ours.url == requests[0].url
    assert json.loads(ours.content) == json.loads(requests[0].content)


REFUSALS: Mapping[str, tuple[str, int, Any, Failed, int]] = {
    "no such message": ("whatsapp_cloud read", 400, {"error": {"code": 131009}}, Rejected, 1020),
    "another region's": ("vonage read", 404, {"title": "Not Found"}, Rejected, 1020),
    "delivered already": ("rcs_google revoke", 404, {"error": {"status": "NOT_FOUND"}}, Unreachable, 1300),
    "bad key": ("infobip read", 401, None, ConfigurationError, 1370),
    "too fast": ("messenger read", 429, None, Throttled, 1000),
}


@pytest.mark.parametrize(("name", "status", "answer", "error", "code"), REFUSALS.values(), ids=list(REFUSALS))
def test_refusals(name: str, status: int, answer: Any, error: Failed, code: int) -> None:
    (case,) = (case for case in CASES if case.label == name)
    with pytest.raises(error) as caught:
        ask(case, status, answer)
    assert caught.value.code == code


QUOTABLE = {"infobip", "vonage", "whatsapp_cloud"}
"""By AWS too, but there the id comes with a receipt (`Receipt.names`)."""


@pytest.mark.parametrize("provider", REGISTRY)
def test_ids_are_kept_where_people_quote(provider: str) -> None:
    expected = {Channel.WHATSAPP} if provider in QUOTABLE else set()
    assert adapter(provider).quotable == expected
