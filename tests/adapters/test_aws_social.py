"""WhatsApp through AWS End User Messaging Social. botocore is the oracle for the requests; the message
and the webhook are those of whatsapp_cloud."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import httpx
import pytest

from switchboard.adapters import adapter
from switchboard.adapters.aws import Aws
from switchboard.adapters.base import Account, Verification
from switchboard.adapters.templates import Template
from switchboard.errors import ConfigurationError, Rejected, Throttled, Unanswered, Unavailable
from switchboard.models.events import Event, Failure, Hook, Inbound, Receipt, TemplateNews, Usage
from switchboard.models.messages import Channel, Content, Message, Status
from tests.adapters.cases import UUID, Failed, Json, Send, at, came, content, fixture, is_within, known, sent
from tests.adapters.test_aws import PROVIDER, check_like_botocore

NUMBER, NUMBER_ID = "12065550177", "phone-number-id-9f8e7d6c5b4a39281706f5e4d3c2b1a0"
BUSINESS = "waba-0a1b2c3d4e5f60718293a4b5c6d7e8f9"
SETTINGS = {"phone_number_ids": {NUMBER: NUMBER_ID}, "waba_id": BUSINESS}
SENT = (200, {"messageId": "c1d2e3f4-0001-4002-8003-a0b0c0d0e0f0"})
WHATSAPP = {"channel": Channel.WHATSAPP}
AWS = cast(Aws, adapter("aws"))


def account(**settings: Any) -> Account:
    return PROVIDER.account("aws", **{**SETTINGS, **settings})


def send(content: Content | None = None, **members: Any) -> httpx.Request:
    """The request for a message that is taken."""
    settings = {**SETTINGS, **members.pop("settings", {})}
    case = Send("", content, {**WHATSAPP, **members}, settings, reply=SENT, id=SENT[1]["messageId"])
    request = sent("aws", case)
    assert request
    return request


def unpacked(request: httpx.Request, name: str) -> Any:
    """What a blob of a request's body holds."""
    return json.loads(base64.b64decode(json.loads(request.content)[name], validate=True))


CONTENTS = [
    None,
    content("text", text="the döör: https://shop.example/1"),
    content("image", url="https://shop.example/door.jpg", caption="the door"),
    content("audio", url="https://shop.example/door.mp3"),
    content("video", url="https://shop.example/door.mp4"),
    content("file", url="https://shop.example/door.pdf"),
    content("location", latitude=51.5, longitude=-0.125, name="Quay"),
    content("template", name="order_ready", parameters=["1001"]),
    content("sticker", url="https://shop.example/wave.webp"),
    content("custom", custom={"type": "reaction", "reaction": {"message_id": "wamid.1", "emoji": "👍"}}),
]


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: content.type if content else "usual")
def test_the_message_is_meta_s_own(content: Content | None) -> None:
    request = send(content)
    message: Message = PROVIDER.message.model_copy(
        update=WHATSAPP | ({"content": content} if content else {})
    )
    cloud = adapter("whatsapp_cloud").request(message, known("whatsapp_cloud").account("whatsapp_cloud"))
    assert unpacked(request, "message") == json.loads(cloud.content)


def test_a_message_goes_out_as_boto3_would_send_it() -> None:
    request = send()
    assert str(request.url) == "https://social-messaging.eu-west-2.amazonaws.com/v1/whatsapp/send"
    message = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "447700900321",
        "type": "text",
        "text": {"body": "Your parcel is on its way", "preview_url": False},
        "biz_opaque_callback_data": UUID,
    }
    assert unpacked(request, "message") == message
    blob = base64.b64decode(json.loads(request.content)["message"])
    members = {"originationPhoneNumberId": NUMBER_ID, "message": blob, "metaApiVersion": "v23.0"}
    check_like_botocore(request, "socialmessaging", "send_whatsapp_message", members)


def test_address_and_version_can_be_others() -> None:
    request = send(settings={"base_url": "http://127.0.0.1:4801/aws/", "meta_version": "v24.0"})
    assert str(request.url) == "http://127.0.0.1:4801/aws/v1/whatsapp/send"
    assert json.loads(request.content)["metaApiVersion"] == "v24.0"


def test_a_number_that_the_account_has_not_is_a_configuration_error() -> None:
    for settings in ({}, {"phone_number_ids": {"447700900999": NUMBER_ID}}, {"phone_number_ids": "x"}):
        sent("aws", Send("", message=WHATSAPP, settings=settings, raises=ConfigurationError, code=1120))


REFUSALS: list[tuple[int, str, Failed, int]] = [
    (400, "ValidationException", Rejected, 1020),
    (400, "InvalidParametersException", Rejected, 1020),
    (403, "AccessDeniedException", ConfigurationError, 1370),
    (403, "AccessDeniedByMetaException", ConfigurationError, 1370),
    (403, "InvalidSignatureException", ConfigurationError, 1370),
    (404, "ResourceNotFoundException", ConfigurationError, 1120),
    (429, "ThrottledRequestException", Throttled, 1000),
    (500, "InternalServiceException", Unavailable, 1331),
    (502, "DependencyException", Unavailable, 1331),
    (400, "SomethingNewException", Rejected, 1020),
    (503, "SomethingNewException", Unavailable, 1331),
]


@pytest.mark.parametrize("spelling", ["{}", "{}:http://aws.example/doc#x"])
@pytest.mark.parametrize(("status", "name", "error", "ours"), REFUSALS, ids=str)
def test_refusals(status: int, name: str, error: Failed, ours: int, spelling: str) -> None:
    headers = {"x-amzn-ErrorType": spelling.format(name), "Retry-After": "3"}
    reply = httpx.Response(status, headers=headers, json={"message": "..."})
    found = AWS.refused(reply)
    assert type(found) is error
    assert (found.code, found.provider_code) == (ours, name)


def test_what_whatsapp_cannot_carry() -> None:
    card = content("vcard", url="https://shop.example/card.vcf")
    sent("aws", Send("", card, WHATSAPP, SETTINGS, raises=Rejected, code=1140))


def test_an_answer_without_an_id() -> None:
    sent("aws", Send("", None, WHATSAPP, SETTINGS, reply=(200, {}), raises=Unanswered, code=1331))


# --- events --------------------------------------------------------------------------------------


def happened(name: str, **members: Any) -> list[Event]:
    """The events of a notification, without `raw`, which must be a part of the entry in it."""
    body = json.loads(fixture("aws", name)) | members
    hook = PROVIDER.signed(json.dumps(body).encode())
    AWS.verify(hook, account())
    found = AWS.events(hook)
    for event in found:
        assert event.raw
        assert is_within(event.raw, json.loads(body["whatsAppWebhookEntry"]))
    return [replace(event, raw={}) for event in found]


def test_receipts() -> None:
    said: dict[str, Any] = {"message_uuid": UUID, "provider_id": "wamid.T0ZBVEVTVA"}
    assert happened("whatsapp-status") == [
        Receipt(Status.SUBMITTED, {}, at=at(1795600001), names=True, **said),
        Receipt(Status.DELIVERED, {}, at=at(1795600004), category="utility", **said),
        Receipt(Status.REJECTED, {}, at=at(1795600005), failure=Failure(1340, "131047"), **said),
    ]


def test_a_free_message() -> None:
    entry = json.loads(json.loads(fixture("aws", "whatsapp-status"))["whatsAppWebhookEntry"])
    entry["changes"][0]["value"]["statuses"][1]["pricing"]["billable"] = False
    receipts = happened("whatsapp-status", whatsAppWebhookEntry=json.dumps(entry))
    assert [event.usage for event in receipts if isinstance(event, Receipt)] == [
        None,
        Usage(Decimal(0), "EUR"),
        None,
    ]


def test_inbound() -> None:
    words = came("text", text="Thanks 👍")
    assert happened("whatsapp-inbound") == [
        Inbound(
            Channel.WHATSAPP, "wamid.SU5CT1VORA", "447700900321", NUMBER, at(1795600010), words, {}, "Ann"
        )
    ]


def test_template_news() -> None:
    news = TemplateNews("order_ready", "en_GB", "APPROVED", {}, template_id="884400001")
    assert happened("whatsapp-template") == [news]


@pytest.mark.parametrize(
    "entry", [None, "", "{no JSON", "[]", 7, {"changes": []}, "[" * 100_000, "{}"], ids=str
)
def test_an_odd_entry_is_no_event(entry: Any) -> None:
    assert AWS.events(Hook(json.dumps({"whatsAppWebhookEntry": entry}).encode(), source="sns")) == []


def test_half_a_surrogate_pair_can_be_stored() -> None:
    entry = json.loads(fixture("aws", "whatsapp-inbound"))["whatsAppWebhookEntry"].replace("\\udc4d", "")
    hook = Hook(json.dumps({"whatsAppWebhookEntry": entry}).encode(), source="sns")
    (event,) = AWS.events(hook)
    assert json.dumps(event.raw, ensure_ascii=False).encode()


# --- the account and its numbers -----------------------------------------------------------------


def test_check() -> None:
    request = AWS.check(account(), Channel.WHATSAPP, NUMBER)
    AWS.sign(request, account())
    operation = "get_linked_whatsapp_business_account_phone_number"
    check_like_botocore(request, "socialmessaging", operation, {"id": NUMBER_ID})


CHECKS: list[tuple[int, Any, Verification]] = [
    (200, {"phoneNumber": {"phoneNumberId": NUMBER_ID, "qualityRating": "GREEN"}}, Verification("verified")),
    (
        200,
        {"phoneNumber": {"phoneNumberId": NUMBER_ID, "qualityRating": "Red"}},
        Verification("verified", "its quality rating is red"),
    ),
    (
        200,
        {"phoneNumber": None},
        Verification("pending", "the provider did not answer: 1331 (no phone number id)"),
    ),
    (404, {"message": "?"}, Verification("failed", "the provider refused: 1020 (404)")),
]


@pytest.mark.parametrize(("status", "body", "expected"), CHECKS, ids=str)
def test_verification(status: int, body: Json, expected: Verification) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(status, json=body))
    with httpx.Client(transport=transport) as client:
        assert AWS.verification(account(), Channel.WHATSAPP, NUMBER, client) == expected


def test_verification_without_the_number_s_id() -> None:
    with httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(500))) as client:
        found = AWS.verification(account(phone_number_ids={}), Channel.WHATSAPP, NUMBER, client)
    assert found.state == "failed"


# --- templates -----------------------------------------------------------------------------------

DEFINITION: Mapping[str, Any] = {
    "name": "order_ready",
    "language": "en_GB",
    "category": "UTILITY",
    "components": [{"type": "BODY", "text": "Ready: {{1}}", "example": {"body_text": [["1001"]]}}],
}
ARN = "arn:aws:social-messaging:eu-west-2:000011112222:waba/0a1b2c3d4e5f60718293a4b5c6d7e8f9"


def of_boto3(request: httpx.Request, operation: str, **members: Any) -> None:
    AWS.sign(request, account())
    check_like_botocore(request, "socialmessaging", operation, members)


def test_templates_are_asked_for_as_boto3_would() -> None:
    list_, delete = "list_whatsapp_message_templates", "delete_whatsapp_message_template"
    of_boto3(AWS.list_templates(account(), NUMBER, None, None), list_, id=BUSINESS, maxResults=100)
    of_boto3(
        AWS.list_templates(account(waba_id=ARN), NUMBER, "order_ready", "cGFn ZSA+/w=="),
        list_,
        id=ARN,
        maxResults=100,
        nextToken="cGFn ZSA+/w==",
    )
    created = AWS.create_template(account(), NUMBER, DEFINITION)
    assert unpacked(created, "templateDefinition") == DEFINITION
    blob = base64.b64decode(json.loads(created.content)["templateDefinition"])
    of_boto3(created, "create_whatsapp_message_template", id=BUSINESS, templateDefinition=blob)
    of_boto3(
        AWS.delete_template(account(), NUMBER, "order_ready", "884400001"),
        delete,
        id=BUSINESS,
        templateName="order_ready",
        metaTemplateId="884400001",
    )
    of_boto3(
        AWS.delete_template(account(), NUMBER, "order_ready", None),
        delete,
        id=BUSINESS,
        templateName="order_ready",
        deleteAllLanguages=True,
    )


def test_templates_need_the_business_account() -> None:
    for settings in ({"waba_id": " "}, {"waba_id": ""}):
        with pytest.raises(ConfigurationError):
            AWS.list_templates(account(**settings), NUMBER, None, None)


ORDER_READY = [
    Template("order_ready", "en_GB", "APPROVED", "UTILITY", "884400001"),
    Template("order_ready", "de", "REJECTED", "UTILITY", "884400003"),
]
SOON = Template("order_ready_soon", "en_GB", "PENDING", "MARKETING", "884400002")


def test_listed_templates() -> None:
    def listed(name: str | None, body: bytes) -> tuple[list[Template], str | None]:
        with httpx.Client(
            transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body))
        ) as client:
            request = AWS.list_templates(account(), NUMBER, name, None)
            return AWS.listed_templates(AWS.exchange(request, account(), client))

    page = fixture("aws", "templates")
    assert listed(None, page) == ([ORDER_READY[0], SOON, ORDER_READY[1]], "cGFnZSAyCg==")
    assert listed("order_ready", page) == (ORDER_READY, "cGFnZSAyCg==")
    assert listed("order", b'{"templates": [null]}') == ([], None)
    assert listed(None, b"?") == ([], None)


def test_created_template() -> None:
    made = {"metaTemplateId": "884400009", "templateStatus": "pending", "category": "MARKETING"}
    expected = Template(
        "order_ready", "en_GB", "PENDING", "MARKETING", "884400009", "", DEFINITION["components"]
    )
    assert AWS.created_template(httpx.Response(200, json=made), DEFINITION) == expected
    with pytest.raises(Unanswered):
        AWS.created_template(httpx.Response(200, json={"templateStatus": "PENDING"}), DEFINITION)
