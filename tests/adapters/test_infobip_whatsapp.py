"""WhatsApp through Infobip, with its templates."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from switchboard.adapters import adapter
from switchboard.adapters.base import Verification
from switchboard.adapters.templates import KeepsTemplates, Template
from switchboard.errors import ConfigurationError, Rejected, Throttled, Unanswered
from switchboard.models.events import Inbound, Product, Quoted, Receipt, TemplateNews, Usage
from switchboard.models.messages import Channel, InboundContent, Status
from tests.adapters.cases import UUID, Json, Receive, Send, came, content, fixture, label, received, sent
from tests.adapters.test_infobip import CALLBACK, KEY, NAME, PROVIDER

ACCOUNT = PROVIDER.account(NAME)
HOME = "https://x1.api.example"
SENDER = "442079460123"
WHATSAPP = {"channel": Channel.WHATSAPP, "sender": SENDER}
PICTURE = "https://shop.example/pictures/door.jpg"


def body(what: Json) -> Json:
    return {
        "from": SENDER,
        "to": "447700900321",
        "messageId": UUID,
        "content": what,
        "callbackData": UUID,
        "notifyUrl": CALLBACK,
    }


def template(name: str, language: str, *values: str) -> Json:
    data = {"body": {"placeholders": list(values)}}
    return {"messages": [body({"templateName": name, "templateData": data, "language": language})]}


BUTTONS = {"body": {"text": "When?"}, "action": {"buttons": [{"type": "REPLY", "id": "1", "title": "Now"}]}}
CODE = {"templateName": "code", "templateData": {"body": {"placeholders": ["1"]}}, "language": "en"}
SENDS: list[tuple[str, Send]] = [
    ("text", Send("text", body=body({"text": "Your parcel is on its way"}))),
    (
        "text",
        Send(
            "text with a link",
            content("text", text="See HTTPS://shop.example/7"),
            body=body({"text": "See HTTPS://shop.example/7", "previewUrl": True}),
        ),
    ),
    (
        "image",
        Send(
            "image",
            content("image", url=PICTURE, caption="the door"),
            body=body({"mediaUrl": PICTURE, "caption": "the door"}),
        ),
    ),
    ("image", Send("image alone", content("image", url=PICTURE), body=body({"mediaUrl": PICTURE}))),
    (
        "audio",
        Send(
            "audio",
            content("audio", url="https://shop.example/a.mp3", caption="not shown"),
            body=body({"mediaUrl": "https://shop.example/a.mp3"}),
        ),
    ),
    (
        "video",
        Send(
            "video",
            content("video", url="https://shop.example/v.mp4", caption="look"),
            body=body({"mediaUrl": "https://shop.example/v.mp4", "caption": "look"}),
        ),
    ),
    (
        "document",
        Send(
            "file",
            content("file", url="https://shop.example/order%207.pdf?x=1", caption="order"),
            body=body(
                {
                    "mediaUrl": "https://shop.example/order%207.pdf?x=1",
                    "caption": "order",
                    "filename": "order 7.pdf",
                }
            ),
        ),
    ),
    (
        "document",
        Send(
            "file without a name",
            content("file", url="https://shop.example"),
            body=body({"mediaUrl": "https://shop.example"}),
        ),
    ),
    (
        "location",
        Send(
            "location",
            content("location", latitude=51.5, longitude=-0.125, name="The harbour", address="1 Quay Street"),
            body=body(
                {"latitude": 51.5, "longitude": -0.125, "name": "The harbour", "address": "1 Quay Street"}
            ),
        ),
    ),
    (
        "location",
        Send(
            "place without a name",
            content("location", latitude=51.5, longitude=-0.125),
            body=body({"latitude": 51.5, "longitude": -0.125}),
        ),
    ),
    (
        "template",
        Send(
            "template",
            content("template", name="parcel_sent", parameters=("Ann", "7")),
            message={"whatsapp": {"locale": "en-GB"}},
            reply=(200, "whatsapp-accepted-template"),
            body=template("parcel_sent", "en_GB", "Ann", "7"),
        ),
    ),
    (
        "template",
        Send(
            "template with a namespace",
            content("template", name="9b6b4fcb_da19:parcel_sent"),
            reply=(200, "whatsapp-accepted-template"),
            body=template("parcel_sent", "en"),
        ),
    ),
    (
        "interactive/buttons",
        Send("custom", content("custom", custom={"interactive/buttons": BUTTONS}), body=body(BUTTONS)),
    ),
    (
        "interactive/location-request",
        Send(
            "custom of two words",
            content("custom", custom={"interactive/location-request": {"body": {"text": "Where?"}}}),
            body=body({"body": {"text": "Where?"}}),
        ),
    ),
    (
        "document",
        Send(
            "file with a name of its own",
            content("file", url="https://shop.example/7", name="order 7.pdf"),
            body=body({"mediaUrl": "https://shop.example/7", "filename": "order 7.pdf"}),
        ),
    ),
    ("sticker", Send("sticker", content("sticker", url=PICTURE), body=body({"mediaUrl": PICTURE}))),
    (
        "text",
        Send(
            "an answer goes out without what it answers",
            message={"reply_to": "wamid.IN1"},
            body=body({"text": "Your parcel is on its way"}),
        ),
    ),
    (
        "template",
        Send(
            "custom template",
            content("custom", custom={"template": CODE}),
            reply=(200, "whatsapp-accepted-template"),
            body={"messages": [body(CODE)]},
        ),
    ),
]


def whatsapp(case: Send) -> Send:
    reply = (200, "whatsapp-accepted") if case.reply == (200, "accepted") else case.reply
    return replace(case, message={**WHATSAPP, **case.message}, reply=reply)


@pytest.mark.parametrize(("kind", "case"), SENDS, ids=[case.label for _, case in SENDS])
def test_sends(kind: str, case: Send) -> None:
    url = f"{HOME}/whatsapp/1/message/{kind}"
    request = sent(NAME, replace(whatsapp(case), id=UUID, url=url, headers={"Authorization": KEY}))
    assert request
    assert request.method == "POST"


def test_without_a_public_address_no_reports_are_asked_for() -> None:
    request = sent(NAME, whatsapp(Send("", settings={"callback_url": ""}, id=UUID)))
    assert request
    assert "notifyUrl" not in json.loads(request.content)


def custom(value: Json) -> Send:
    return Send("", content("custom", custom=value), raises=Rejected, code=1040)


FAILURES = [
    Send("vcard", content("vcard", url="https://shop.example/a.vcf"), raises=Rejected, code=1140),
    Send("sticker by its id", content("sticker", id="7"), raises=Rejected, code=1140),
    Send("reaction", content("reaction", emoji="👍"), {"reply_to": "wamid.IN1"}, raises=Rejected, code=1140),
    replace(custom({}), label="custom without a kind"),
    replace(custom({"text": {"text": "a"}, "image": {}}), label="custom of two kinds"),
    replace(custom({"text": "a"}), label="custom without content"),
    replace(custom({"../../sms/3/messages": {}}), label="custom elsewhere"),
    replace(custom({"text?x=1": {}}), label="custom with a query"),
    replace(custom({"interactive/": {}}), label="custom with half a kind"),
    Send(
        "a number that is not registered",
        reply=(200, "whatsapp-rejected"),
        raises=ConfigurationError,
        code=1120,
        provider_code="REJECTED_SENDER",
    ),
    Send(
        "bad request",
        reply=(400, "whatsapp-refused"),
        raises=Rejected,
        code=1020,
        provider_code="BAD_REQUEST",
    ),
    Send("too fast", reply=(429, {}), raises=Throttled, code=1000),
    Send("an answer without an id", reply=(200, {"to": "1"}), raises=Unanswered, code=1331),
]


@pytest.mark.parametrize("case", FAILURES, ids=label)
def test_failures(case: Send) -> None:
    sent(NAME, whatsapp(case))


def test_sent_before() -> None:
    reply = json.loads(fixture(NAME, "whatsapp-accepted"))
    reply["status"] = {
        "groupId": 5,
        "groupName": "REJECTED",
        "id": 23,
        "name": "REJECTED_DUPLICATE_MESSAGE_ID",
    }
    sent(NAME, whatsapp(Send("", reply=(200, reply), id=UUID)))


# --- callbacks -------------------------------------------------------------------------------------


def media(number: int) -> str:
    return f"{HOME}/whatsapp/1/senders/{SENDER}/media/{number}"


def inbound(number: int, what: InboundContent, sender: str = "447700900321") -> Inbound:
    when = datetime(2026, 11, 25, 9, 10, 11, 120_000, tzinfo=UTC)
    said_by = SENDER if number == 1 else None  # reactions do not say it
    quotes = Quoted(provider_id=UUID, sender=said_by) if number in (1, 14) else None
    return Inbound(Channel.WHATSAPP, f"wamid.IN{number}", sender, SENDER, when, what, {}, "Ann", quotes)


BOB = {"name": {"firstName": "Bob", "formattedName": "Bob"}, "phones": [{"phone": "447700900999"}]}
PLACE = {"name": "The harbour", "address": "1 Quay Street", "url": "https://harbour.example"}
CAME = [
    came("text", text="Thanks!"),
    came("button", payload="y-1", text="Yes"),
    came("reply", id="b-1", title="Tomorrow"),
    came("reply", id="l-1", title="After six", description="in the evening"),
    came("text", text="Sent"),
    came("location", latitude=51.5, longitude=-0.125, **PLACE),
    came("image", url=media(1), caption="the door"),
    came("sticker", url=media(2)),
    came("audio", url=media(3)),
    came("audio", url=media(4)),
    came("video", url=media(5), caption="look"),
    came("file", url=media(6), caption="order"),
    came("contacts", cards=[BOB]),
    came("reaction", emoji="👍"),
]
DONE = datetime(2026, 11, 25, 9, 0, 3, 500_000, tzinfo=UTC)
SEEN = datetime(2026, 11, 25, 9, 5, tzinfo=UTC)
RECEIVES = [
    Receive(
        "every kind of message, and another channel's",
        "whatsapp-inbound",
        [
            *(inbound(number, what) for number, what in enumerate(CAME, 1)),
            inbound(15, came("text", text="no number"), "GB.1002003004"),
        ],
    ),
    Receive(
        "reports without an echo",
        "whatsapp-reports",
        [
            Receipt(
                Status.DELIVERED, {}, UUID, provider_id=UUID, at=DONE, usage=Usage(Decimal("0.0213"), "EUR")
            ),
            Receipt(Status.READ, {}, UUID, provider_id=UUID, at=SEEN),
        ],
    ),
    Receive(
        "a template was rejected",
        "template-rejected",
        [TemplateNews("parcel_sent", "en_GB", "REJECTED", {}, "1689002", "SCAM")],
    ),
]


@pytest.mark.parametrize("case", RECEIVES, ids=label)
def test_receives(case: Receive) -> None:
    assert received(NAME, case.body) == case.events


def changed(**members: Any) -> Json:
    return {**json.loads(fixture(NAME, "template-rejected")), **members}


def test_an_order_and_a_reaction_taken_back() -> None:
    (first, *_) = json.loads(fixture(NAME, "whatsapp-inbound"))["results"]
    lamps = {"productRetailerId": "lamp", "quantity": 2, "itemPrice": 9.5, "currency": "GBP"}
    product = {"catalogId": "88", "productRetailerId": "lamp"}
    messages = [
        {"type": "ORDER", "catalogId": "88", "text": "for Friday", "productItems": [lamps]},
        {"type": "ORDER", "productItems": [lamps]},
        {"type": "REACTION", "emoji": "👍", "action": "REMOVED", "context": {"id": UUID}},
        {"type": "TEXT", "text": "Is it blue?", "context": {"id": UUID, "referredProduct": product}},
    ]
    events = received(NAME, {"results": [{**first, "message": message} for message in messages]})
    ordered = {"retailer_id": "lamp", "quantity": "2", "price": "9.5", "currency": "GBP"}
    assert [(event.content, event.quotes) for event in events if isinstance(event, Inbound)] == [
        (came("order", catalog_id="88", products=[ordered], text="for Friday"), None),
        (came("unsupported"), None),
        (came("reaction", emoji=""), Quoted(provider_id=UUID)),
        (
            came("text", text="Is it blue?"),
            Quoted(provider_id=UUID, product=Product(catalog_id="88", retailer_id="lamp")),
        ),
    ]


NEWS: list[tuple[str, Json, list[tuple[str, str]]]] = [
    ("approved", changed(change={"newStatus": "approved", "reason": "NONE"}), [("APPROVED", "")]),
    ("flagged", changed(change={"newStatus": "FLAGGED"}), [("FLAGGED", "")]),
    ("category", changed(change={"type": "TEMPLATE_CATEGORY_UPDATE", "newCategory": "UTILITY"}), []),
    ("odd", changed(change=7), []),
    ("nameless", changed(messageTemplateName=None), []),
]


@pytest.mark.parametrize(("payload", "expected"), [case[1:] for case in NEWS], ids=[case[0] for case in NEWS])
def test_template_news(payload: Json, expected: list[tuple[str, str]]) -> None:
    news = received(NAME, payload)
    assert [(event.status, event.reason) for event in news if isinstance(event, TemplateNews)] == expected
    assert len(news) == len(expected)


@pytest.mark.parametrize(("integration", "found"), [(None, 1), ("WHATSAPP", 1), ("LINE", 0), (7, 0)], ids=str)
def test_a_channel_that_we_do_not_carry_is_skipped(integration: Any, found: int) -> None:
    payload = json.loads(fixture(NAME, "whatsapp-inbound"))
    payload["results"] = [{**payload["results"][0], "integrationType": integration}]
    events = received(NAME, payload)
    assert [event.channel for event in events if isinstance(event, Inbound)] == [Channel.WHATSAPP] * found


# --- the numbers -----------------------------------------------------------------------------------


def client(status: int, reply: Json) -> tuple[httpx.Client, list[httpx.Request]]:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(status, json=reply)

    return httpx.Client(transport=httpx.MockTransport(answer)), requests


def quality(**members: Any) -> Json:
    usual = {"sender": SENDER, "qualityRating": "HIGH", "status": "CONNECTED", "currentLimit": "LIMIT_1K"}
    return {"results": [{"sender": "1", "status": "BANNED"}, {**usual, **members}]}


CHECKS: list[tuple[str, int, Json, Verification]] = [
    ("connected", 200, quality(), Verification("verified")),
    ("poor", 200, quality(qualityRating="LOW"), Verification("verified", "its quality rating is low")),
    (
        "flagged and poor",
        200,
        quality(status="FLAGGED", qualityRating="LOW"),
        Verification("verified", "too many people complain about it, its quality rating is low"),
    ),
    ("new", 200, quality(status="PENDING"), Verification("pending", "it is not registered yet")),
    ("banned", 200, quality(status="BANNED"), Verification("failed", "WhatsApp has banned it")),
    ("unheard of", 200, quality(status="ASLEEP"), Verification("pending", "its status is ASLEEP")),
    (
        "not ours",
        200,
        {"results": []},
        Verification("failed", "the account has no such WhatsApp sender"),
    ),
    (
        "something else answers",
        200,
        {"balance": 1},
        Verification("pending", "the provider did not answer: 1331 (no senders)"),
    ),
    (
        "bad key",
        401,
        {"requestError": {"serviceException": {"messageId": "UNAUTHORIZED"}}},
        Verification("failed", "the provider refused: 1370 (UNAUTHORIZED)"),
    ),
]


@pytest.mark.parametrize(
    ("status", "reply", "expected"), [case[1:] for case in CHECKS], ids=[case[0] for case in CHECKS]
)
def test_check(status: int, reply: Json, expected: Verification) -> None:
    http, requests = client(status, reply)
    assert adapter(NAME).verification(ACCOUNT, Channel.WHATSAPP, SENDER, http) == expected
    (request,) = requests
    assert (request.method, str(request.url)) == (
        "GET",
        f"{HOME}/whatsapp/1/senders/quality?senders={SENDER}",
    )
    assert request.headers["authorization"] == KEY


# --- templates -------------------------------------------------------------------------------------

TEMPLATES = f"{HOME}/whatsapp/2/senders/{SENDER}/templates"


def keeper() -> KeepsTemplates:
    found = adapter(NAME)
    assert isinstance(found, KeepsTemplates)
    return found


# The same in Meta's form and in Infobip's.
FORMS: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "body": (
        [{"type": "BODY", "text": "Hi {{1}}, {{2}}", "example": {"body_text": [["Ann", "7"]]}}],
        {"body": {"text": "Hi {{1}}, {{2}}", "examples": ["Ann", "7"]}},
    ),
    "no variables": ([{"type": "BODY", "text": "Hi"}], {"body": {"text": "Hi"}}),
    "everything": (
        [
            {
                "type": "HEADER",
                "format": "TEXT",
                "text": "Order {{1}}",
                "example": {"header_text": ["7"]},
            },
            {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Today", "has_expiration": True}},
            {"type": "BODY", "text": "Hi"},
            {"type": "FOOTER", "text": "Bye"},
            {
                "type": "BUTTONS",
                "buttons": [
                    {"type": "QUICK_REPLY", "text": "Yes"},
                    {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+442079460123"},
                    {
                        "type": "URL",
                        "text": "Look",
                        "url": "https://shop.example/{{1}}",
                        "example": ["https://shop.example/7"],
                    },
                    {"type": "MPM", "text": "View items"},
                    {"type": "FLOW", "text": "Fit", "flow_id": 7, "flow_action": "NAVIGATE"},
                ],
            },
        ],
        {
            "header": {"format": "TEXT", "text": "Order {{1}}", "example": "7"},
            "limitedTimeOffer": {"text": "Today", "hasExpiration": True},
            "body": {"text": "Hi"},
            "footer": {"text": "Bye"},
            "buttons": [
                {"type": "QUICK_REPLY", "text": "Yes"},
                {"type": "PHONE_NUMBER", "text": "Call", "phoneNumber": "+442079460123"},
                {
                    "type": "URL",
                    "text": "Look",
                    "url": "https://shop.example/{{1}}",
                    "example": "https://shop.example/7",
                },
                {"type": "MULTI_PRODUCT", "text": "View items"},
                {"type": "FLOW", "text": "Fit", "flowId": 7, "flowAction": "NAVIGATE"},
            ],
        },
    ),
    "picture": (
        [
            {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": [PICTURE]}},
            {"type": "BODY", "text": "Hi"},
        ],
        {"header": {"format": "IMAGE", "example": PICTURE}, "body": {"text": "Hi"}},
    ),
    "code": (
        [
            {"type": "BODY", "add_security_recommendation": True},
            {"type": "FOOTER", "code_expiration_minutes": 5},
            {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE", "text": "Copy"}]},
        ],
        {
            "body": {"addSecurityRecommendation": True},
            "footer": {"codeExpirationMinutes": 5},
            "buttons": [{"otpType": "COPY_CODE", "text": "Copy"}],
        },
    ),
    "carousel": (
        [
            {"type": "BODY", "text": "Hi"},
            {
                "type": "CAROUSEL",
                "cards": [
                    {
                        "components": [
                            {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": [PICTURE]}},
                            {"type": "BODY", "text": "A lamp"},
                        ]
                    }
                ],
            },
        ],
        {
            "body": {"text": "Hi"},
            "carousel": {
                "cards": [{"header": {"format": "IMAGE", "example": PICTURE}, "body": {"text": "A lamp"}}]
            },
        },
    ),
    "call": (
        [{"type": "BODY", "text": "Hi"}, {"type": "CALL_PERMISSION_REQUEST"}],
        {"body": {"text": "Hi"}, "callPermissionRequest": {}},
    ),
}


def definition(components: list[dict[str, Any]], **members: Any) -> Json:
    usual = {"name": "parcel_sent", "language": "en_GB", "category": "UTILITY"}
    return {**usual, "components": components, **members}


@pytest.mark.parametrize(("components", "structure"), FORMS.values(), ids=list(FORMS))
def test_a_template_is_created(components: list[dict[str, Any]], structure: Json) -> None:
    asked = definition(components, category="utility")
    request = keeper().create_template(ACCOUNT, SENDER, asked)
    assert (request.method, str(request.url)) == ("POST", TEMPLATES)
    assert request.headers["authorization"] == KEY
    assert json.loads(request.content) == {
        "name": "parcel_sent",
        "language": "en_GB",
        "category": "UTILITY",
        "structure": structure,
    }
    # Infobip may put it into another category than was asked for.
    made = {"id": "1689003", "status": "PENDING", "category": "MARKETING", "structure": structure}
    found = keeper().created_template(httpx.Response(201, json=made), asked)
    assert found == Template("parcel_sent", "en_GB", "PENDING", "MARKETING", "1689003", components=components)


def test_types_in_small_letters_are_the_same() -> None:
    components: list[dict[str, Any]] = [
        {"type": "header", "format": "text", "text": "Hi"},
        {"type": "body", "text": "Hi"},
        {"type": "buttons", "buttons": [{"type": "quick_reply", "text": "Yes"}]},
    ]
    request = keeper().create_template(ACCOUNT, SENDER, definition(components))
    assert json.loads(request.content)["structure"] == {
        "header": {"format": "TEXT", "text": "Hi"},
        "body": {"text": "Hi"},
        "buttons": [{"type": "QUICK_REPLY", "text": "Yes"}],
    }


def test_examples_come_in_more_than_one_form() -> None:
    components: list[dict[str, Any]] = [
        {"type": "HEADER", "format": "TEXT", "text": "{{1}}", "example": {"header_text": "7"}},
        {"type": "BODY", "text": "{{1}} {{2}}", "example": {"body_text": ["Ann", "7"]}},
        {"type": "BUTTONS", "buttons": [{"type": "COPY_CODE", "example": "SAVE9"}]},
    ]
    request = keeper().create_template(ACCOUNT, SENDER, definition(components))
    assert json.loads(request.content)["structure"] == {
        "header": {"format": "TEXT", "text": "{{1}}", "example": "7"},
        "body": {"text": "{{1}} {{2}}", "examples": ["Ann", "7"]},
        "buttons": [{"type": "COPY_CODE", "example": "SAVE9"}],
    }


def test_an_app_that_takes_a_code_is_named_in_its_button() -> None:
    app = {"package_name": "com.example.shop", "signature_hash": "K8a/AINcGX7"}
    button = {"type": "OTP", "otp_type": "ONE_TAP", "text": "Fill in", "supported_apps": [app]}
    request = keeper().create_template(
        ACCOUNT, SENDER, definition([{"type": "BUTTONS", "buttons": [button]}])
    )
    assert json.loads(request.content)["structure"]["buttons"] == [
        {
            "otpType": "ONE_TAP",
            "text": "Fill in",
            "packageName": "com.example.shop",
            "signatureHash": "K8a/AINcGX7",
        }
    ]


def test_another_category_can_be_allowed() -> None:
    asked = definition([], allow_category_change=True)
    request = keeper().create_template(ACCOUNT, SENDER, asked)
    assert json.loads(request.content)["allowCategoryChange"] is True


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(definition([{"type": "VIDEO_WALL"}]), id="unknown component"),
        pytest.param(definition([{"text": "Hi"}]), id="no type"),
        pytest.param(definition([], parameter_format="named"), id="named variables"),
    ],
)
def test_what_has_no_form_at_infobip_is_refused(asked: Json) -> None:
    with pytest.raises(Rejected) as caught:
        keeper().create_template(ACCOUNT, SENDER, asked)
    assert caught.value.code == 1022


def test_a_template_without_an_id_may_have_been_created() -> None:
    with pytest.raises(Unanswered):
        keeper().created_template(httpx.Response(201, text="<html>"), definition([]))


def kept(name: str, structure: Mapping[str, Any]) -> Json:
    return {
        "id": "1689001",
        "businessAccountId": 222,
        "name": name,
        "language": "en_GB",
        "status": "APPROVED",
        "category": "UTILITY",
        "structure": {**structure, "type": "TEXT", "shorteningOptions": {"customDomain": "s.example"}},
        "quality": "HIGH",
    }


@pytest.mark.parametrize(("components", "structure"), FORMS.values(), ids=list(FORMS))
def test_templates_are_listed(components: list[dict[str, Any]], structure: Json) -> None:
    request = keeper().list_templates(ACCOUNT, SENDER, None, None)
    assert (request.method, str(request.url)) == ("GET", TEMPLATES)
    assert request.headers["authorization"] == KEY
    reply = httpx.Response(200, json={"templates": [kept("parcel_sent", structure)]}, request=request)
    expected = Template("parcel_sent", "en_GB", "APPROVED", "UTILITY", "1689001", components=components)
    assert keeper().listed_templates(reply) == ([expected], None)


LISTS: list[tuple[str, str | None, Json, list[str]]] = [
    ("all", None, {"templates": [kept("a", {}), kept("ab", {})]}, ["a", "ab"]),
    ("one", "a", {"templates": [kept("a", {}), kept("ab", {})]}, ["a"]),
    ("none", None, {"templates": []}, []),
    ("odd", None, {"templates": [7, {"name": 7, "structure": 3}]}, ["7"]),
    ("not JSON", None, {}, []),
]


@pytest.mark.parametrize(
    ("name", "reply", "names"), [case[1:] for case in LISTS], ids=[case[0] for case in LISTS]
)
def test_the_list_is_narrowed_down_here(name: str | None, reply: Json, names: list[str]) -> None:
    request = keeper().list_templates(ACCOUNT, SENDER, name, None)
    found, mark = keeper().listed_templates(httpx.Response(200, json=reply, request=request))
    assert ([template.name for template in found], mark) == (names, None)


def test_a_template_is_deleted() -> None:
    request = keeper().delete_template(ACCOUNT, SENDER, "parcel_sent", None)
    assert (request.method, str(request.url)) == ("DELETE", f"{TEMPLATES}/parcel_sent")
    assert request.headers["authorization"] == KEY


def test_names_are_escaped() -> None:
    request = keeper().delete_template(ACCOUNT, SENDER, "a/b?c", None)
    assert str(request.url) == f"{TEMPLATES}/a%2Fb%3Fc"


def test_one_language_cannot_be_deleted_alone() -> None:
    with pytest.raises(Rejected) as caught:
        keeper().delete_template(ACCOUNT, SENDER, "parcel_sent", "1689001")
    assert caught.value.code == 1140


ASKS: list[Callable[[], httpx.Request]] = [
    lambda: keeper().list_templates(PROVIDER.account(NAME, api_key=" "), SENDER, None, None),
    lambda: adapter(NAME).download(media(1), PROVIDER.account(NAME, api_key=""), httpx.Client()),
]


@pytest.mark.parametrize("ask", ASKS, ids=["templates", "media"])
def test_an_empty_key_is_a_configuration_error(ask: Callable[[], httpx.Request]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ask()
    assert caught.value.code == 1370
