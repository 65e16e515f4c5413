"""AWS End User Messaging: SMS, MMS, RCS. botocore is the oracle: its client, its service model."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote

import boto3
import botocore.session
import httpx
import pytest
from botocore.awsrequest import AWSRequest, AWSResponse

from switchboard.adapters import _aws, adapter, aws
from switchboard.adapters.base import Account, Verification
from switchboard.errors import ConfigurationError, Rejected, Throttled, Unanswered, Unavailable, Unreachable
from switchboard.models.events import Failure, Hook, Inbound, Receipt, Usage
from switchboard.models.messages import Channel, Image, InboundContent, Part, Status
from tests.adapters import rich
from tests.adapters.cases import (
    RECEIVED,
    UUID,
    Failed,
    Provider,
    Receive,
    Send,
    at,
    came,
    content,
    fixture,
    label,
    received,
    sent,
    text_message,
)

NAME = "aws"


PROVIDER = Provider(
    settings={
        "region": "eu-west-2",
        "access_key_id": "AKIDOFATEST",
        "secret_access_key": "wJal-secret-of-a-test",
        "session_token": "session-of-a-test",
    },
    message=text_message(Channel.SMS, "12065550177", "447700900321"),
    signed=lambda body: Hook(body, source="sns", received_at=RECEIVED),
    forged=lambda body: {
        "over HTTP": Hook(body),
        "with SNS headers": Hook(body, headers={"x-amz-sns-message-type": "Notification"}),
    },
    batch="delivered",  # an SNS notification holds one event
    events=1,
    unknown={"eventType": "TEXT_TELEPATHY", "messageId": "m-1", "context": {"message_uuid": UUID}},
    secret=None,
)
MESSAGE_ID = "3d1f7a42-9b0c-4e55-8f60-77aa11bb22cc"
MMS = {"channel": Channel.MMS}
STAGED = "s3://bucket-of-a-test/outbound/door.jpg"
AGENT = "rcs-7b1f00c2d4e94a6f8a3c5d7e9f0a1b2c"
RCS: dict[str, Any] = {"channel": Channel.RCS, "sender": AGENT}
PART = {"part": Part(number=1, of=3)}
ADDRESSING = {
    "DestinationPhoneNumber": "+447700900321",
    "OriginationIdentity": "+12065550177",
    "Context": {"message_uuid": UUID},
}
SMS = {**ADDRESSING, "MessageBody": "Your parcel is on its way", "MessageType": "TRANSACTIONAL"}


def rcs(content: Mapping[str, Any], *suggestions: Mapping[str, Any], **members: Any) -> dict[str, Any]:
    suggested = {"Suggestions": list(suggestions)} if suggestions else {}
    rich = {"RcsMessageContent": {"Content": content, **suggested}}
    return {**ADDRESSING, "OriginationIdentity": AGENT, **rich, **members}


def rcs_file(name: str) -> dict[str, Any]:
    return rcs({"FileMessage": {"FileUrl": f"s3://bucket-of-a-test/{name}"}})


HARBOUR = {"latitude": 51.5, "longitude": -0.125}
SPOT = {"PostbackData": "51.5, -0.125", "Latitude": 51.5, "Longitude": -0.125}
CARD: dict[str, Any] = {
    "Content": {"RichCard": {"CardOrientation": "VERTICAL", "CardContent": {"Title": "Your parcel"}}},
    "Suggestions": [{"Reply": {"Text": "Yes", "PostbackData": "yes:1"}}],
}
CHIPS: list[dict[str, Any]] = [
    {"Reply": {"Text": "Keep it", "PostbackData": "keep:7"}},
    {"DialPhone": {"Text": "Call us", "PostbackData": "call", "PhoneNumber": "+442079460123"}},
    {
        "ShowLocation": {
            "Text": "Where?",
            "PostbackData": "map",
            "Latitude": 51.5,
            "Longitude": -0.125,
            "Label": "The quay",
        }
    },
    {"RequestLocation": {"Text": "Here I am", "PostbackData": "here"}},
    {"OpenUrl": {"Text": "Shop", "PostbackData": "shop", "Url": rich.SHOP}},
    {
        "OpenUrl": {
            "Text": "Shop",
            "PostbackData": "shop",
            "Url": rich.SHOP,
            "Application": "WEBVIEW",
            "WebviewViewMode": "TALL",
        }
    },
    {
        "CreateCalendarEvent": {
            "Text": "Save it",
            "PostbackData": "save",
            "Title": "Delivery",
            "StartTime": 1796115600.0,
            "EndTime": 1796121000.0,
            "Description": "The boots come",
        }
    },
]
PLAIN_CARD = {
    "Title": "Boots",
    "Description": "Dry feet",
    "Media": {"FileUrl": rich.PICTURE, "Height": "MEDIUM"},
}
FULL_CARD = {
    **PLAIN_CARD,
    "Media": {"FileUrl": rich.PICTURE, "Height": "TALL", "ThumbnailUrl": f"{rich.PICTURE}?small"},
    "Suggestions": [CHIPS[0]],
}
OPERATIONS = {Channel.MMS: "SendMediaMessage", Channel.RCS: "SendRcsMessage"}

SENDS = [
    Send("sms", body=SMS, url="https://sms-voice.eu-west-2.amazonaws.com/"),
    Send("short code", message={"sender": "12345"}, body=SMS | {"OriginationIdentity": "12345"}),
    Send("sender id", message={"sender": "ExampleShop"}, body=SMS | {"OriginationIdentity": "ExampleShop"}),
    Send(
        "settings of the account",
        settings={"message_type": "PROMOTIONAL", "configuration_set": "switchboard"},
        body=SMS | {"MessageType": "PROMOTIONAL", "ConfigurationSetName": "switchboard"},
    ),
    Send("lifetime", message={"lifetime": 600}, body=SMS | {"TimeToLive": 600}),
    Send("lifetime too short", message={"lifetime": 1}, body=SMS | {"TimeToLive": 5}),
    Send("lifetime too long", message={"lifetime": 604_800}, body=SMS | {"TimeToLive": 259_200}),
    Send("as long as it may be", content("text", text="é" * 1600), body=SMS | {"MessageBody": "é" * 1600}),
    Send(
        "part of a text",
        message=PART,
        body=SMS | {"Context": {"message_uuid": UUID, "part": "1", "parts": "3"}},
    ),
    Send(
        "rcs",
        message={**RCS, "lifetime": 0},
        settings={"configuration_set": "switchboard"},
        body=rcs(
            {"TextMessage": {"Body": "Your parcel is on its way"}},
            ConfigurationSetName="switchboard",
            TimeToLive=1,
        ),
    ),
    Send(
        "rcs for as long as can be",
        content("text", text="é" * 3072),
        message={**RCS, "lifetime": 259_200},
        body=rcs({"TextMessage": {"Body": "é" * 3072}}, TimeToLive=172_800),
    ),
    *(
        Send(
            f"rcs {kind}",
            content(kind, url=f"s3://bucket-of-a-test/{kind}.bin", caption="not shown"),
            message=RCS,
            body=rcs_file(f"{kind}.bin"),
        )
        for kind in ("image", "audio", "video", "file")
    ),
    Send(
        "rcs place",
        content("location", **HARBOUR, name="Harbour Office and Customs House", address=" 1 Quay "),
        message=RCS,
        body=rcs(
            {"TextMessage": {"Body": "Harbour Office and Customs House\n1 Quay"}},
            {
                "ShowLocation": {
                    **SPOT,
                    "Text": "Harbour Office and Custom",
                    "Label": "Harbour Office and Customs House, 1 Quay",
                }
            },
        ),
    ),
    Send(
        "rcs place without a name",
        content("location", **HARBOUR, name=" "),
        message=RCS,
        body=rcs(
            {"TextMessage": {"Body": "51.5, -0.125"}},
            {"ShowLocation": {**SPOT, "Text": "Map"}},
        ),
    ),
    Send(
        "rcs card",
        content("custom", custom=CARD),
        message=RCS,
        body=rcs(CARD["Content"], *CARD["Suggestions"]),
    ),
    Send(
        "mms",
        content("image", url=STAGED, caption="the door"),
        message=MMS,
        body={**ADDRESSING, "MediaUrls": [STAGED], "MessageBody": "the door"},
    ),
    Send("mms of words only", message=MMS, body={**ADDRESSING, "MessageBody": "Your parcel is on its way"}),
    Send(
        "mms of a list of one",
        content("content", items=[{"type": "image", "url": STAGED, "caption": "the door"}]),
        message=MMS,
        body={**ADDRESSING, "MediaUrls": [STAGED], "MessageBody": "the door"},
    ),
    Send(
        "as India registers it",
        message={"sms": {"content_id": "1107", "entity_id": "1101"}},
        body={**SMS, "DestinationCountryParameters": {"IN_TEMPLATE_ID": "1107", "IN_ENTITY_ID": "1101"}},
    ),
    Send(
        "from a pool",
        message={"sms": {"pool_id": "pool-0f1e2d"}},
        body={**SMS, "OriginationIdentity": "pool-0f1e2d"},
    ),
    Send(
        "rcs with every suggestion",
        message={**RCS, "suggestions": rich.EVERY},
        body=rcs({"TextMessage": {"Body": "Your parcel is on its way"}}, *CHIPS),
    ),
    Send(
        "rcs video with a thumbnail",
        content("video", url=STAGED, thumbnail_url=f"{STAGED}.jpg"),
        message=RCS,
        body=rcs({"FileMessage": {"FileUrl": STAGED, "ThumbnailUrl": f"{STAGED}.jpg"}}),
    ),
    Send(
        "rcs rich card",
        content("card", card=rich.FULL),
        message={**RCS, "rcs": {"orientation": "horizontal"}},
        body=rcs(
            {
                "RichCard": {
                    "CardOrientation": "HORIZONTAL",
                    "ThumbnailImageAlignment": "LEFT",
                    "CardContent": FULL_CARD,
                }
            }
        ),
    ),
    Send(
        "rcs carousel",
        content("carousel", cards=[rich.PLAIN, rich.FULL]),
        message={**RCS, "suggestions": [rich.SHARE]},
        body=rcs({"Carousel": {"CardWidth": "MEDIUM", "CardContents": [PLAIN_CARD, FULL_CARD]}}, CHIPS[3]),
    ),
    Send(
        "mms without words",
        content("vcard", url=STAGED, caption=" "),
        message={**MMS, "lifetime": 60},
        settings={"configuration_set": "switchboard"},
        body={
            **ADDRESSING,
            "MediaUrls": [STAGED],
            "TimeToLive": 60,
            "ConfigurationSetName": "switchboard",
        },
    ),
    Send(
        "another region", settings={"region": "us-east-1"}, url="https://sms-voice.us-east-1.amazonaws.com/"
    ),
    Send(
        "own base address",
        settings={"base_url": "http://127.0.0.1:4801/aws"},
        url="http://127.0.0.1:4801/aws/",
    ),
]


@pytest.mark.parametrize("case", SENDS, ids=label)
def test_sends(case: Send) -> None:
    request = sent(NAME, Send(**{**vars(case), "id": MESSAGE_ID}))
    assert request
    operation = OPERATIONS.get(case.message.get("channel", Channel.SMS), "SendTextMessage")
    assert request.headers["x-amz-target"] == f"PinpointSMSVoiceV2.{operation}"
    assert request.headers["content-type"] == "application/x-amz-json-1.0"
    check_signature(request, "wJal-secret-of-a-test")


def test_texts_for_sms_can_be_split_and_media_must_be_in_s3() -> None:
    assert adapter(NAME).longest_text == {Channel.SMS: 1600}
    channels = (Channel.SMS, Channel.MMS, Channel.RCS, Channel.WHATSAPP)
    messages = [PROVIDER.message.model_copy(update={"channel": channel}) for channel in channels]
    assert [adapter(NAME).media_by(message) for message in messages] == ["link", "s3", "s3", "link"]


def test_the_region_need_not_be_named() -> None:
    request = adapter(NAME).request(PROVIDER.message, Account(NAME, "main"))
    assert request.url.host == "sms-voice.us-east-1.amazonaws.com"


REFUSALS: list[tuple[str, str | None, Failed, int]] = [
    ("ThrottlingException", None, Throttled, 1000),
    ("InternalServerException", None, Unavailable, 1331),
    ("ServiceQuotaExceededException", "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT", ConfigurationError, 1070),
    ("ServiceQuotaExceededException", "DAILY_DESTINATION_CALL_LIMIT", Unreachable, 1241),
    ("AccessDeniedException", None, ConfigurationError, 1370),
    ("AccessDeniedException", "ACCOUNT_DISABLED", ConfigurationError, 1140),
    ("UnrecognizedClientException", None, ConfigurationError, 1370),
    ("ResourceNotFoundException", None, ConfigurationError, 1120),
    ("ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT", Rejected, 1240),
    ("ConflictException", "DESTINATION_PHONE_NUMBER_NOT_VERIFIED", ConfigurationError, 1160),
    ("ConflictException", "NO_ORIGINATION_IDENTITIES_FOUND", ConfigurationError, 1120),
    ("ConflictException", "SOMETHING_NEW", Rejected, 1020),
    ("ValidationException", "FIELD_VALIDATION_FAILED", Rejected, 1020),
    ("ValidationException", "MAXIMUM_SIZE_EXCEEDED", Rejected, 1381),
    ("ValidationException", "SENDER_ID_NOT_REGISTERED", ConfigurationError, 1120),
    ("SomethingNewException", None, Rejected, 1020),
]


@pytest.mark.parametrize(
    "spelling", ["{}", "com.amazonaws.pinpointsmsvoicev2#{}", "{}:http://aws.example/doc/"]
)
@pytest.mark.parametrize(("name", "reason", "error", "ours"), REFUSALS, ids=str)
def test_refusals(name: str, reason: str | None, error: Failed, ours: int, spelling: str) -> None:
    body = {"__type": spelling.format(name), "Message": "..."} | ({"Reason": reason} if reason else {})
    sent(NAME, Send("", reply=(400, body), raises=error, code=ours, provider_code=reason or name))


FAILURES = [
    Send("opted out", reply=(400, "refused"), raises=Rejected, code=1240),
    Send("HTTP status decides", reply=(503, b"<html>"), raises=Unavailable, code=1331),
    Send("answer without an id", reply=(200, {}), raises=Unanswered, code=1331),
    Send("too long", content("text", text="x" * 1601), raises=Rejected, code=1090),
    Send(
        "caption too long",
        content("image", url=STAGED, caption="x" * 1601),
        message=MMS,
        raises=Rejected,
        code=1090,
    ),
    Send("picture by SMS", content("image", url=STAGED), raises=Rejected, code=1140),
    Send(
        "several by MMS",
        content("content", items=[{"type": "image", "url": STAGED}, {"type": "vcard", "url": STAGED}]),
        message=MMS,
        raises=Rejected,
        code=1140,
    ),
    Send("sticker by MMS", content("sticker", url=STAGED), message=MMS, raises=Rejected, code=1140),
    Send(
        "event at no time",
        message={**RCS, "suggestions": [{**rich.EVENT, "end": "later"}]},
        raises=Rejected,
        code=1020,
    ),
    Send("part too long", content("text", text="x" * 1601), message=PART, raises=Rejected, code=1090),
    Send("too long for RCS", content("text", text="x" * 3073), message=RCS, raises=Rejected, code=1090),
    Send("card by RCS", content("vcard", url=STAGED), message=RCS, raises=Rejected, code=1140),
    Send("template by RCS", content("template", name="x"), message=RCS, raises=Rejected, code=1140),
    Send(
        "picture that is not in S3",
        content("image", url="https://shop.example/door.jpg"),
        message=MMS,
        raises=Rejected,
        code=1380,
    ),
    Send("half a key", settings={"secret_access_key": ""}, raises=ConfigurationError, code=1370),
]


@pytest.mark.parametrize("case", FAILURES, ids=label)
def test_failures(case: Send) -> None:
    sent(NAME, case)


# --- botocore as the oracle ------------------------------------------------------------------------

MODEL = botocore.session.get_session().get_service_model("pinpoint-sms-voice-v2")
SOCIAL_MODEL = botocore.session.get_session().get_service_model("socialmessaging")


def of_botocore(service: str, operation: str, members: Mapping[str, Any]) -> AWSRequest:
    """The request that boto3 would have sent."""
    requests: list[AWSRequest] = []

    def answer(request: AWSRequest, **_: Any) -> AWSResponse:
        requests.append(request)
        reply = AWSResponse(request.url, 200, {}, None)
        reply._content = b"{}"
        return reply

    client = boto3.client(
        service,
        region_name="eu-west-2",
        aws_access_key_id="AKIDOFATEST",
        aws_secret_access_key="wJal-secret-of-a-test",
        aws_session_token="session-of-a-test",
    )
    client.meta.events.register(f"before-send.{service}", answer)
    getattr(client, operation)(**members)
    return requests[0]


def check_like_botocore(
    ours: httpx.Request, service: str, operation: str, members: Mapping[str, Any]
) -> None:
    theirs = of_botocore(service, operation, members)
    assert (theirs.method, theirs.url) == (ours.method, str(ours.url))
    body = theirs.body
    assert (json.loads(body) if body else None) == (json.loads(ours.content) if ours.content else None)
    headers = {name.lower(): as_text(value) for name, value in theirs.headers.items()}
    for name in ("content-type", "x-amz-target", "x-amz-security-token"):
        assert headers.get(name) == ours.headers.get(name)
    credential = re.compile(r"Credential=([^,]+)")
    assert credential.findall(headers["authorization"]) == credential.findall(ours.headers["authorization"])
    check_signature(
        ours, "wJal-secret-of-a-test", credential.findall(headers["authorization"])[0].split("/")[3]
    )


ORACLE = [
    ("send_text_message", Send("", message={"lifetime": 600}, settings={"configuration_set": "set-1"})),
    ("send_text_message", Send("", message=PART)),
    ("send_media_message", Send("", content("image", url=STAGED, caption="the döör"), message=MMS)),
    ("send_rcs_message", Send("", message={**RCS, "lifetime": 60})),
    ("send_rcs_message", Send("", content("video", url=STAGED), message=RCS)),
    ("send_text_message", Send("", message={"sms": {"content_id": "1107", "entity_id": "1101"}})),
    ("send_media_message", Send("", message=MMS)),
    ("send_rcs_message", Send("", message={**RCS, "suggestions": rich.EVERY})),
    (
        "send_rcs_message",
        Send(
            "",
            content("video", url=STAGED, thumbnail_url=STAGED),
            message={**RCS, "suggestions": [rich.REPLY]},
        ),
    ),
    ("send_rcs_message", Send("", content("card", card=rich.FULL), message=RCS)),
    (
        "send_rcs_message",
        Send("", content("card", card=rich.PLAIN), message={**RCS, "rcs": {"orientation": "horizontal"}}),
    ),
    ("send_rcs_message", Send("", content("carousel", cards=[rich.PLAIN, rich.FULL]), message=RCS)),
    ("send_rcs_message", Send("", content("location", **HARBOUR, name="Ü" * 150), message=RCS)),
    ("send_rcs_message", Send("", content("custom", custom=CARD), message=RCS)),
]


@pytest.mark.parametrize(("operation", "case"), ORACLE)
def test_the_request_is_the_one_that_boto3_sends(operation: str, case: Send) -> None:
    ours = sent(NAME, Send(**{**vars(case), "id": MESSAGE_ID}))
    assert ours
    # boto3 refuses what the service model does not allow, so it checks our members too.
    check_like_botocore(ours, "pinpoint-sms-voice-v2", operation, json.loads(ours.content))


def as_text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def check_signature(request: httpx.Request, key: str, service: str = "sms-voice") -> None:
    """Signature version 4, computed anew from what was sent.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    match = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=[^/]+/"
        rf"(?P<scope>(?P<day>\d{{8}})/(?P<region>[^/]+)/{service}/aws4_request), "
        r"SignedHeaders=(?P<names>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})",
        request.headers["authorization"],
    )
    assert match
    names = match["names"].split(";")
    must = {"host", "x-amz-date"} | ({"x-amz-target", "content-type"} & set(request.headers))
    assert must <= set(names)
    lines = [f"{name}:{request.headers[name].strip()}" for name in names]
    body = hashlib.sha256(request.content).hexdigest()
    path, _, query = request.url.raw_path.decode().partition("?")
    pairs = sorted(pair.split("=", 1) for pair in query.split("&") if pair)
    spelling = "&".join("=".join(quote(unquote(part), safe="-_.~") for part in pair) for pair in pairs)
    canonical = "\n".join([request.method, path, spelling, *lines, "", match["names"], body])
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join(["AWS4-HMAC-SHA256", request.headers["x-amz-date"], match["scope"], digest])
    secret = f"AWS4{key}".encode()
    for part in (match["day"], match["region"], service, "aws4_request", to_sign):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    assert secret.hex() == match["signature"]


def test_without_keys_of_its_own_an_account_uses_the_functions_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIAOFTHEROLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-role")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session-of-the-role")
    _aws.session.cache_clear()
    request = sent(NAME, Send("", settings={"access_key_id": ""}, id=MESSAGE_ID))
    _aws.session.cache_clear()
    assert request
    assert "Credential=ASIAOFTHEROLE/" in request.headers["authorization"]
    assert request.headers["x-amz-security-token"] == "session-of-the-role"
    check_signature(request, "secret-of-the-role")


def test_no_credentials_anywhere_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    _aws.session.cache_clear()
    sent(NAME, Send("", settings={"access_key_id": ""}, raises=ConfigurationError, code=1370))
    _aws.session.cache_clear()


def test_every_reason_and_event_of_our_tables_is_in_a_service_model() -> None:
    for name, reason in aws.ERRORS:
        model = MODEL if name in MODEL.shape_names else SOCIAL_MODEL
        assert model.shape_for(name)
        if reason:
            assert reason in MODEL.shape_for(f"{name}Reason").enum
    events = [event.partition("_") for event in MODEL.shape_for("EventType").enum]
    known = {word for kind, _, word in events if kind in ("TEXT", "MEDIA")}
    assert set(aws.STATUSES) | set(aws.FAILURES) <= known


def test_every_event_of_the_service_model_has_a_status() -> None:
    for event in MODEL.shape_for("EventType").enum:
        if event.startswith(("TEXT_", "MEDIA_", "RCS_")) and not event.endswith("_ALL"):
            (seen,) = received(NAME, {"eventType": event})
            assert isinstance(seen, Receipt)
            assert seen.status is not None, event


# --- callbacks -------------------------------------------------------------------------------------


def receipt(status: Status | None, **members: Any) -> Receipt:
    return Receipt(status, {}, message_uuid=UUID, provider_id=MESSAGE_ID, at=at(1795600004.321), **members)


def by_rcs(message_id: str, content: InboundContent) -> Inbound:
    return Inbound(Channel.RCS, message_id, "447700900321", AGENT, RECEIVED, content, {})


FREE = Usage(Decimal("0.0"), "USD")
RECEIVES = [
    Receive("delivered", "delivered", [receipt(Status.DELIVERED, usage=Usage(Decimal("0.0436"), "USD"))]),
    Receive("on its way", "pending", [receipt(Status.SUBMITTED)]),
    Receive(
        "media too large",
        "file-too-large",
        [receipt(Status.REJECTED, usage=FREE, failure=Failure(1381, "FILE_SIZE_EXCEEDED"))],
    ),
    Receive(
        "inbound",
        "inbound",
        [
            Inbound(
                Channel.SMS,
                "0d9f6e5c-aaaa-4bbb-8ccc-1234567890ab",
                "447700900321",
                "12065550177",
                RECEIVED,
                came("text", text="Thanks 👍"),
                {},
            )
        ],
    ),
    Receive(
        "rcs delivered", "rcs-delivered", [receipt(Status.DELIVERED, usage=Usage(Decimal("0.0315"), "USD"))]
    ),
    Receive(
        "rcs inbound",
        "rcs-inbound",
        [by_rcs("MxA7aTestOfOurs0001", came("text", text="Can I change the day?"))],
    ),
    Receive(
        "rcs picture",
        "rcs-media",
        [
            by_rcs(
                "MxA7aTestOfOurs0002",
                came("image", url="s3://bucket-of-a-test/people/rcs/0f2c#our door.jpg"),
            )
        ],
    ),
    Receive("nothing of ours", {"hello": "world"}),
    Receive("inbound from nobody", {"inboundMessageId": "x", "messageBody": "hi"}),
]


@pytest.mark.parametrize("case", RECEIVES, ids=label)
def test_receives(case: Receive) -> None:
    assert received(NAME, case.body) == case.events


EVENTS: list[tuple[str, Status | None, Failure | None]] = [
    ("TEXT_QUEUED", Status.SUBMITTED, None),
    ("TEXT_SUCCESSFUL", Status.DELIVERED, None),
    ("MEDIA_DELIVERED", Status.DELIVERED, None),
    ("TEXT_INVALID", Status.REJECTED, Failure(1170, "INVALID")),
    ("TEXT_BLOCKED", Status.REJECTED, Failure(1050, "BLOCKED")),
    ("TEXT_PROTECT_BLOCKED", Status.REJECTED, Failure(1140, "PROTECT_BLOCKED")),
    ("TEXT_SPAM", Status.REJECTED, Failure(1210, "SPAM")),
    ("TEXT_UNREACHABLE", Status.UNDELIVERABLE, Failure(1260, "UNREACHABLE")),
    ("TEXT_TTL_EXPIRED", Status.UNDELIVERABLE, Failure(1360, "TTL_EXPIRED")),
    ("TEXT_UNKNOWN", Status.UNDELIVERABLE, Failure(1330, "UNKNOWN")),
    ("MEDIA_FILE_INACCESSIBLE", Status.REJECTED, Failure(1380, "FILE_INACCESSIBLE")),
    ("VOICE_ANSWERED", None, None),
    ("TEXT_", None, None),
    ("", None, None),
]


@pytest.mark.parametrize(("event", "status", "failure"), EVENTS, ids=str)
def test_events(event: str, status: Status | None, failure: Failure | None) -> None:
    payload = json.loads(fixture(NAME, "delivered")) | {"eventType": event}
    usage = Usage(Decimal("0.0436"), "USD")
    assert received(NAME, payload) == [receipt(status, failure=failure, usage=usage)]


RCS_EVENTS: list[tuple[str, str, Status | None, Failure | None]] = [
    ("RCS_QUEUED", "PENDING", Status.SUBMITTED, None),
    ("RCS_SENT", "PENDING", Status.SUBMITTED, None),
    ("RCS_DELIVERED", "PENDING", Status.SUBMITTED, None),  # as one page of AWS can be understood
    ("RCS_DELIVERED", "", Status.DELIVERED, None),
    ("RCS_READ", "READ", Status.READ, None),
    ("RCS_FAILED", "UNDELIVERABLE", Status.UNDELIVERABLE, Failure(1300, "UNDELIVERABLE")),
    ("RCS_FAILED", "REJECTED", Status.REJECTED, Failure(1210, "REJECTED")),
    ("RCS_FAILED", "SOMETHING_NEW", Status.UNDELIVERABLE, Failure(1330, "FAILED")),
    (
        "RCS_TTL_EXPIRED",
        "TTL_EXPIRATION_REVOKED",
        Status.UNDELIVERABLE,
        Failure(1360, "TTL_EXPIRED"),
    ),
    ("RCS_PROTECT_BLOCKED", "REJECTED", Status.REJECTED, Failure(1140, "PROTECT_BLOCKED")),
    ("RCS_FALLEN_BACK_TO_SMS", "UNDELIVERABLE", Status.SUBMITTED, None),
    ("RCS_TELEPATHY", "DELIVERED", None, None),
]


@pytest.mark.parametrize(("event", "word", "status", "failure"), RCS_EVENTS, ids=str)
def test_rcs_events(event: str, word: str, status: Status | None, failure: Failure | None) -> None:
    payload = json.loads(fixture(NAME, "rcs-delivered")) | {
        "eventType": event,
        "messageStatus": word,
        "isFinal": False,
    }
    assert received(NAME, payload) == [receipt(status, failure=failure)]


def test_that_a_message_was_read_costs_nothing_more() -> None:
    payload = json.loads(fixture(NAME, "rcs-delivered"))
    payload |= {"eventType": "RCS_READ", "messageStatus": "READ", "totalMessagePrice": 0.0}
    assert received(NAME, payload) == [receipt(Status.READ)]


PARTS: list[tuple[Mapping[str, Any], Part | None]] = [
    ({"part": "2", "parts": "3"}, Part(number=2, of=3)),
    ({"part": 2, "parts": 3}, Part(number=2, of=3)),
    ({"part": "2"}, None),
    ({"part": "0", "parts": "3"}, None),
    ({"part": "\u0662", "parts": "3"}, None),
    ({"part": "door", "parts": ["3"]}, None),
    ({}, None),
]


@pytest.mark.parametrize(("context", "part"), PARTS, ids=str)
def test_parts(context: Mapping[str, Any], part: Part | None) -> None:
    payload = json.loads(fixture(NAME, "pending")) | {"context": {"message_uuid": UUID, **context}}
    assert received(NAME, payload) == [receipt(Status.SUBMITTED, part=part)]


WRITTEN: list[tuple[Any, InboundContent | None]] = [
    ({"type": "RCS_TYPING", "receivedAt": "2026-11-25T09:30:00.000+0000"}, None),
    ({"type": "CONVERSATION_STARTED", "startTime": "2026-11-25T09:30:00.000+0000"}, None),
    ({"type": "SUGGESTION", "text": "Yes", "postbackData": "yes:1"}, came("reply", id="yes:1", title="Yes")),
    ({"type": "SUGGESTION", "postbackData": "yes:1"}, came("reply", id="yes:1", title="yes:1")),
    ({"type": "SUGGESTION", "text": "Yes"}, came("text", text="Yes")),
    ({"type": "LOCATION", **HARBOUR}, came("location", **HARBOUR)),
    ({"type": "LOCATION", "location": {**HARBOUR, "name": "Quay"}}, came("location", **HARBOUR, name="Quay")),
    ({"type": "LOCATION", "latitude": "?"}, came("unsupported")),
    ({"mediaStatus": "UPLOAD_FAILED", "mimeType": "image/png"}, came("unsupported")),
    (
        {"mediaStatus": "SUCCESS", "mimeType": "application/pdf", "s3Bucket": "b", "s3Key": "k"},
        came("file", url="s3://b/k"),
    ),
    ({"type": "SOMETHING_NEW"}, came("text", text='{"type": "SOMETHING_NEW"}')),
    ("{no JSON", came("text", text="{no JSON")),
    ("[1]", came("text", text="[1]")),
    ("", came("unsupported")),
    ('{"type": "SUGGESTION", "text": "\\ud83d"}', came("text", text="?")),
]


@pytest.mark.parametrize(("body", "content"), WRITTEN, ids=str)
def test_what_people_write_by_rcs(body: Any, content: InboundContent | None) -> None:
    words = body if isinstance(body, str) else json.dumps(body)
    payload = json.loads(fixture(NAME, "rcs-inbound")) | {"messageBody": words}
    expected = [by_rcs("MxA7aTestOfOurs0001", content)] if content else []
    assert received(NAME, payload) == expected


def test_what_looks_like_an_event_is_a_text_by_sms() -> None:
    payload = json.loads(fixture(NAME, "inbound")) | {"messageBody": '{"type": "RCS_TYPING"}'}
    (message,) = received(NAME, payload)
    assert isinstance(message, Inbound)
    assert message.content == came("text", text='{"type": "RCS_TYPING"}')


def test_media_that_came_by_rcs_is_fetched_from_s3() -> None:
    (message,) = received(NAME, "rcs-media")
    assert isinstance(message, Inbound)
    assert isinstance(message.content, Image)
    account = PROVIDER.account(NAME)
    with httpx.Client() as client:
        request = adapter(NAME).download(message.content.url, account, client)
    assert request.method == "GET"
    assert str(request.url) == (
        "https://s3.eu-west-2.amazonaws.com/bucket-of-a-test/people/rcs/0f2c%23our%20door.jpg"
    )
    assert request.headers["x-amz-content-sha256"] == hashlib.sha256(b"").hexdigest()
    check_signature(request, "wJal-secret-of-a-test", "s3")
    adapter(NAME).sign(request, account)  # once more does no harm
    check_signature(request, "wJal-secret-of-a-test", "s3")


def test_other_media_cannot_be_fetched() -> None:
    with httpx.Client() as client, pytest.raises(Rejected) as caught:
        adapter(NAME).download("https://graph.facebook.com/v26.0/1", PROVIDER.account(NAME), client)
    assert caught.value.code == 1380


PRICES = [
    ({"totalMessagePrice": 0.00581, "totalCarrierFee": 0.00302}, Usage(Decimal("0.00883"), "USD")),
    ({"totalMessagePrice": 1e-05, "totalCarrierFee": None}, Usage(Decimal("0.00001"), "USD")),
    ({"totalMessagePrice": None}, None),
    ({"totalMessagePrice": "?"}, None),
    ({"isFinal": False}, None),
]


@pytest.mark.parametrize(("members", "usage"), PRICES, ids=str)
def test_prices_are_exact_and_final(members: Mapping[str, Any], usage: Usage | None) -> None:
    payload = json.loads(fixture(NAME, "delivered")) | members
    assert received(NAME, payload) == [receipt(Status.DELIVERED, usage=usage)]


def test_handshakes_are_none_of_its_business() -> None:
    hook = Hook(b"", "GET", query={"hub.mode": "subscribe", "hub.challenge": "1"})
    assert adapter(NAME).handshake(hook, PROVIDER.account(NAME)) is None


# --- the account and its senders -----------------------------------------------------------------

NUMBER, UNKNOWN = "12065550177", "12065550000"
ARN = "arn:aws:sms-voice:eu-west-2:000011112222"
POOL = f"{ARN}:pool/pool-0a1b"
QUESTIONS: list[tuple[Channel, str, str, Mapping[str, Any]]] = [
    (Channel.SMS, NUMBER, "describe_phone_numbers", {"MaxResults": 100}),
    (Channel.SMS, "phone-0a1b", "describe_phone_numbers", {"PhoneNumberIds": ["phone-0a1b"]}),
    (Channel.MMS, POOL, "describe_pools", {"PoolIds": [POOL]}),
    (Channel.RCS, AGENT, "describe_rcs_agents", {"RcsAgentIds": [AGENT]}),
    (Channel.RCS, "pool-0a1b", "describe_pools", {"PoolIds": ["pool-0a1b"]}),
    (Channel.RCS, "Harbour", "describe_rcs_agents", {"RcsAgentIds": ["Harbour"]}),
    *(
        (
            Channel.SMS,
            sender,
            "describe_sender_ids",
            {"Filters": [{"Name": "sender-id", "Values": ["Harbour"]}]},
        )
        for sender in ("Harbour", f"{ARN}:sender-id/Harbour/GB")
    ),
]


@pytest.mark.parametrize(("channel", "sender", "operation", "members"), QUESTIONS, ids=str)
def test_check(channel: Channel, sender: str, operation: str, members: Mapping[str, Any]) -> None:
    account = PROVIDER.account(NAME)
    request = adapter(NAME).check(account, channel, sender)
    assert request
    assert json.loads(request.content) == members
    adapter(NAME).sign(request, account)
    check_like_botocore(request, "pinpoint-sms-voice-v2", operation, members)


def number(status: str, *capabilities: str) -> dict[str, Any]:
    mine = {"PhoneNumber": f"+{NUMBER}", "Status": status, "NumberCapabilities": capabilities or ("SMS",)}
    return {"PhoneNumbers": [{"PhoneNumber": "+12065550111", "Status": "DELETED"}, mine]}


NO_SUCH = Verification("failed", "the account has no such sender")
ANSWERS: list[tuple[str, Channel, str, Any, Verification]] = [
    ("active", Channel.SMS, NUMBER, number("ACTIVE"), Verification("verified")),
    ("mms", Channel.MMS, NUMBER, number("ACTIVE", "SMS", "MMS"), Verification("verified")),
    ("no mms", Channel.MMS, NUMBER, number("ACTIVE"), Verification("failed", "it cannot send MMS")),
    (
        "pending",
        Channel.SMS,
        NUMBER,
        number("PENDING"),
        Verification("pending", "its registration is under way"),
    ),
    ("gone", Channel.SMS, NUMBER, number("DELETED"), Verification("failed", "it was given up")),
    ("new", Channel.SMS, NUMBER, number("ODD"), Verification("pending", "its status is ODD")),
    ("not ours", Channel.SMS, UNKNOWN, number("ACTIVE"), NO_SUCH),
    (
        "perhaps on another page",
        Channel.SMS,
        UNKNOWN,
        number("ACTIVE") | {"NextToken": "more"},
        Verification("pending", "it is not among the account's first 100 numbers"),
    ),
    ("no pool", Channel.SMS, "pool-1", {"Pools": []}, NO_SUCH),
    ("pool", Channel.SMS, "pool-1", {"Pools": [{"Status": "ACTIVE"}]}, Verification("verified")),
    (
        "agent being tested",
        Channel.RCS,
        AGENT,
        {"RcsAgents": [{"Status": "TESTING"}]},
        Verification("pending", "it may write to test devices only"),
    ),
    ("sender id", Channel.SMS, "Harbour", {"SenderIds": [{"SenderId": "Harbour"}]}, Verification("verified")),
    (
        "sender id that is not listed",
        Channel.SMS,
        "Harbour",
        {"SenderIds": []},
        Verification(
            "verified", "it is not in the account: it works only in countries that take any sender id"
        ),
    ),
    (
        "nothing",
        Channel.SMS,
        NUMBER,
        {"PhoneNumbers": None},
        Verification("pending", "the provider did not answer: 1331 (no senders)"),
    ),
]


@pytest.mark.parametrize(
    ("channel", "sender", "body", "expected"),
    [pytest.param(*case[1:], id=case[0]) for case in ANSWERS],
)
def test_verification(channel: Channel, sender: str, body: Any, expected: Verification) -> None:
    assert verified(channel, sender, 200, body) == expected


def test_an_id_that_is_not_there_fails_verification() -> None:
    body = {"__type": "ResourceNotFoundException", "Message": "...", "ResourceType": "rcs-agent"}
    found = verified(Channel.RCS, AGENT, 400, body)
    assert found == Verification("failed", "the provider refused: 1120 (ResourceNotFoundException)")


def verified(channel: Channel, sender: str, status: int, body: Any) -> Verification:
    transport = httpx.MockTransport(lambda request: httpx.Response(status, json=body))
    with httpx.Client(transport=transport) as client:
        return adapter(NAME).verification(PROVIDER.account(NAME), channel, sender, client)


def test_every_state_of_the_service_model_is_known() -> None:
    for shape in ("NumberStatus", "PoolStatus", "RcsAgentStatus"):
        for status in MODEL.shape_for(shape).enum:
            found = verified(Channel.SMS, "pool-1", 200, {"Pools": [{"Status": status}]})
            assert "its status is" not in found.reason
