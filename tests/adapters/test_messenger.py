"""Facebook Messenger."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from switchboard.adapters import adapter
from switchboard.adapters.base import Verification
from switchboard.errors import ConfigurationError, Rejected, Throttled, Unanswered, Unavailable, Unreachable
from switchboard.models.events import Conversation, Inbound, Receipt, Watermark
from switchboard.models.messages import Channel, InboundContent, Status
from tests.adapters.cases import (
    META_SETTINGS,
    UUID,
    Failed,
    Json,
    Provider,
    Receive,
    Send,
    at,
    came,
    content,
    fixture,
    label,
    meta_forged,
    meta_hook,
    received,
    sent,
    text_message,
)

NAME = "messenger"


PROVIDER = Provider(
    settings=META_SETTINGS,
    message=text_message(Channel.MESSENGER, "412000111222333", "6600112233445566"),
    signed=meta_hook,
    forged=meta_forged,
    batch="batch",
    events=4,
    unknown={},  # a kind of event is a member here, not a word: see the adapter's own test
    secret="app_secret",
)
PAGE, PERSON = "412000111222333", "6600112233445566"
TALK = Conversation(PAGE, PERSON)
PICTURE = "https://shop.example/door.jpg"


def body(message: Mapping[str, Any], kind: str = "RESPONSE", **members: str) -> Mapping[str, Any]:
    return {
        "recipient": {"id": PERSON},
        "messaging_type": kind,
        "message": {**message, "metadata": UUID},
        **members,
    }


def attachment(kind: str, url: str) -> Mapping[str, Any]:
    return {"attachment": {"type": kind, "payload": {"url": url, "is_reusable": True}}}


TEXT = {"text": "Your parcel is on its way"}
BUTTONS = {"attachment": {"type": "template", "payload": {"template_type": "button", "text": "Yes?"}}}
UTILITY = {
    "template": {
        "name": "parcel_sent",
        "language": {"code": "en"},
        "components": [{"type": "body", "parameters": [{"type": "text", "text": "Ann"}]}],
    }
}
SENDS = [
    Send("text", body=body(TEXT), url=f"https://graph.facebook.com/v26.0/{PAGE}/messages"),
    Send("update", message={"messenger": {"category": "update"}}, body=body(TEXT, "UPDATE")),
    Send(
        "tag",
        message={"messenger": {"category": "message_tag", "tag": "HUMAN_AGENT"}},
        body=body(TEXT, "MESSAGE_TAG", tag="HUMAN_AGENT"),
    ),
    Send(
        "tag of another category is left out",
        message={"messenger": {"category": "response", "tag": "HUMAN_AGENT"}},
        body=body(TEXT),
    ),
    Send(
        "image loses its caption",
        content("image", url=PICTURE, caption="the door"),
        body=body(attachment("image", PICTURE)),
    ),
    *(
        Send(
            kind,
            content(kind, url=f"https://shop.example/{kind}"),
            body=body(attachment(kind, f"https://shop.example/{kind}")),
        )
        for kind in ("audio", "video", "file")
    ),
    Send("custom", content("custom", custom={**BUTTONS, "metadata": "mine"}), body=body(BUTTONS)),
    Send("custom utility", content("custom", custom=UTILITY), body=body(UTILITY, "UTILITY")),
    Send(
        "custom utility needs no tag",
        content("custom", custom=UTILITY),
        message={"messenger": {"category": "message_tag", "tag": "HUMAN_AGENT"}},
        body=body(UTILITY, "UTILITY"),
    ),
    Send(
        "own base address",
        settings={"base_url": "http://127.0.0.1:4801/meta/v26.0"},
        url=f"http://127.0.0.1:4801/meta/v26.0/{PAGE}/messages",
    ),
]


@pytest.mark.parametrize("case", SENDS, ids=label)
def test_sends(case: Send) -> None:
    request = sent(NAME, Send(**{**vars(case), "id": "m_out1"}))
    assert request
    assert request.headers["authorization"] == "Bearer EAAB-page-or-system-token"


REFUSALS: list[tuple[int, int | None, Failed, int]] = [
    (551, 1545041, Unreachable, 1260),
    (551, None, Unreachable, 1260),
    (200, 1545041, Unreachable, 1260),
    (10, 2018108, Unreachable, 1240),
    (100, 2018001, Unreachable, 1300),
    (10, 2018065, Rejected, 1340),
    (100, None, Rejected, 1020),
    (100, 2018109, Rejected, 1381),
    (10, 2018278, Rejected, 1340),
    (100, 33, Rejected, 1020),
    (100, 2018047, Rejected, 1380),
    (10303, None, Rejected, 1330),
    (1200, None, Unavailable, 1331),
    (2, None, Unavailable, 1331),
    (32, None, Throttled, 1000),
    (4, None, Throttled, 1000),
    (4, 2018022, Throttled, 1000),
    (613, None, Throttled, 1000),
    (190, 463, ConfigurationError, 1370),
    (10, None, ConfigurationError, 1370),
    (10, 1893063, ConfigurationError, 1140),
    (200, 2018028, ConfigurationError, 1140),
    (200, None, ConfigurationError, 1370),
    (230, None, ConfigurationError, 1370),
    (299, None, ConfigurationError, 1370),
    (3, None, ConfigurationError, 1370),
    (368, None, ConfigurationError, 1140),
    (77777, None, Rejected, 1020),
]


@pytest.mark.parametrize(("code", "subcode", "error", "ours"), REFUSALS, ids=str)
def test_refusals(code: int, subcode: int | None, error: Failed, ours: int) -> None:
    members = {"code": code} if subcode is None else {"code": code, "error_subcode": subcode}
    theirs = str(code) if subcode is None else f"{code}/{subcode}"
    sent(NAME, Send("", reply=(400, {"error": members}), raises=error, code=ours, provider_code=theirs))


TAGGED = {"messenger": {"category": "message_tag", "tag": "SHIPPING_UPDATE"}}
FAILURES = [
    Send(
        "outside the window", reply=(400, "refused"), raises=Rejected, code=1340, provider_code="10/2018278"
    ),
    Send("retired tag", message=TAGGED, reply=(400, {"error": {"code": 100}}), raises=Rejected, code=1021),
    Send(
        "retired tag, with a subcode",
        message=TAGGED,
        reply=(400, {"error": {"code": 100, "error_subcode": 1893061}}),
        raises=Rejected,
        code=1021,
        provider_code="100/1893061",
    ),
    Send(
        "large file, tagged",
        message=TAGGED,
        reply=(400, {"error": {"code": 100, "error_subcode": 2018109}}),
        raises=Rejected,
        code=1381,
    ),
    Send(
        "unknown person, tagged",
        message=TAGGED,
        reply=(400, {"error": {"code": 100, "error_subcode": 2018001}}),
        raises=Unreachable,
        code=1300,
    ),
    Send("HTTP status decides", reply=(503, b""), raises=Unavailable, code=1331, provider_code="503"),
    Send("answer without an id", reply=(200, {"recipient_id": PERSON}), raises=Unanswered, code=1331),
    Send("template", content("template", name="hello"), raises=Rejected, code=1140),
    Send("vcard", content("vcard", url="https://shop.example/a.vcf"), raises=Rejected, code=1140),
]


@pytest.mark.parametrize("case", FAILURES, ids=label)
def test_failures(case: Send) -> None:
    sent(NAME, case)


CHECKS: list[tuple[str, tuple[int, Json], Verification]] = [
    ("fits", (200, {"name": "The Shop", "id": PAGE}), Verification("verified")),
    ("another page", (200, {"id": "9"}), Verification("failed", "Meta answered for the page 9")),
    (
        "no such page",
        (400, {"error": {"code": 100, "error_subcode": 33}}),
        Verification("failed", "the provider refused: 1020 (100/33)"),
    ),
    ("token", (401, {"error": {"code": 190}}), Verification("failed", "the provider refused: 1370 (190)")),
    ("down", (500, {}), Verification("pending", "the provider did not answer: 1331 (500)")),
    ("silence", (200, {}), Verification("pending", "the provider did not answer: 1331 (no page id)")),
]


@pytest.mark.parametrize(
    ("reply", "expected"), [case[1:] for case in CHECKS], ids=[case[0] for case in CHECKS]
)
def test_check(reply: tuple[int, Json], expected: Verification) -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(reply[0], json=reply[1])

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        about = PROVIDER.account(NAME)
        assert adapter(NAME).verification(about, Channel.MESSENGER, PAGE, client) == expected
    (request,) = requests
    assert (request.method, str(request.url)) == (
        "GET",
        f"https://graph.facebook.com/v26.0/{PAGE}?fields=name",
    )
    assert request.headers["authorization"] == "Bearer EAAB-page-or-system-token"


def test_attachments_are_public() -> None:
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(500))) as client:
        request = adapter(NAME).download("https://cdn.example/a.jpg", PROVIDER.account(NAME), client)
    assert (request.method, str(request.url)) == ("GET", "https://cdn.example/a.jpg")
    assert "authorization" not in request.headers


# --- callbacks -------------------------------------------------------------------------------------


def inbound(provider_id: str, what: InboundContent) -> Inbound:
    return Inbound(Channel.MESSENGER, provider_id, PERSON, PAGE, at(1795600200.345), what, {})


RECEIVES = [
    Receive(
        "delivered, by name and by time",
        "delivery",
        [
            Watermark(Status.DELIVERED, TALK, at(1795600001.4), {}, ("m_out1", "m_out2")),
            Watermark(Status.DELIVERED, TALK, at(1795600002.4), {}),
        ],
    ),
    Receive("read", "read", [Watermark(Status.READ, TALK, at(1795600003.4), {})]),
    Receive(
        "echoes of ours only",
        "echoes",
        [
            Receipt(
                Status.SUBMITTED,
                {},
                message_uuid=UUID,
                provider_id="m_out1",
                at=at(1795600001.234),
                conversation=TALK,
            )
        ],
    ),
    Receive(
        "every kind of inbound message",
        "inbound",
        [
            inbound("m_in1", came("text", text="Where is it?")),
            inbound("m_in2", came("image", url="https://cdn.example/a.jpg")),
            inbound("m_in2#1", came("image", url="https://cdn.example/b.jpg")),
            inbound("m_in3", came("image", url="https://cdn.example/s.png")),
            inbound("m_in4", came("audio", url="https://cdn.example/a.mp3")),
            inbound("m_in5", came("video", url="https://cdn.example/v.mp4", caption="look")),
            inbound("m_in6", came("file", url="https://cdn.example/f.pdf")),
            inbound(
                "m_in7",
                came(
                    "location",
                    latitude=51.5045,
                    longitude=-0.0865,
                    name="Ann's location",
                    url="https://maps.example/2",
                ),
            ),
            inbound("m_in8", came("text", text="see https://shop.example/")),
            inbound("m_in9", came("unsupported")),
            inbound("m_in10", came("text", text="Get started")),
            inbound(f"{PERSON}:1795600200.345", came("text", text="MENU_2")),
        ],
    ),
]


@pytest.mark.parametrize("case", RECEIVES, ids=label)
def test_receives(case: Receive) -> None:
    assert received(NAME, case.body) == case.events


def event(**members: Any) -> Mapping[str, Any]:
    between = {"sender": {"id": PERSON}, "recipient": {"id": PAGE}, "timestamp": 1795600001500}
    return {"entry": [{"messaging": [{**between, **members}]}]}


def test_named_messages_need_no_watermark() -> None:
    assert received(NAME, event(delivery={"mids": ["m_out1", 7]})) == [
        Watermark(Status.DELIVERED, TALK, at(1795600001.5), {}, ("m_out1",))
    ]


ODD = [
    {},
    {"entry": [None, {"messaging": 7}]},
    {"entry": [{"messaging": [None, {"message": {"mid": "m", "text": "from nobody"}}]}]},
    event(delivery={}),
    event(delivery=None),
    event(read={"watermark": "soon"}),
    event(message=[]),
    event(message={"text": "no id"}),
    {"entry": [{"changes": [{"field": "message_template_status_update", "value": {"event": "APPROVED"}}]}]},
    event(telepathy={"watermark": 1795600001400}),
]


@pytest.mark.parametrize("payload", ODD, ids=str)
def test_what_is_not_news_is_skipped(payload: Mapping[str, Any]) -> None:
    assert received(NAME, payload) == []


def test_one_odd_event_does_not_cost_the_others() -> None:
    payload = json.loads(fixture(NAME, "batch"))
    payload["entry"].insert(0, {"messaging": [{"sender": "nobody", "delivery": 3}]})
    assert len(received(NAME, payload)) == 4
