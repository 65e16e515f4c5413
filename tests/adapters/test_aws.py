"""AWS End User Messaging SMS. botocore is the oracle: its client, its service model."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import boto3
import botocore.session
import httpx
import pytest
from botocore.awsrequest import AWSRequest, AWSResponse

from switchboard.adapters import Account, adapter, aws
from switchboard.errors import ConfigurationError, Rejected, Throttled, Unanswered, Unavailable, Unreachable
from switchboard.models.events import Failure, Hook, Inbound, Receipt, Usage
from switchboard.models.messages import Channel, Status
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
ADDRESSING = {
    "DestinationPhoneNumber": "+447700900321",
    "OriginationIdentity": "+12065550177",
    "Context": {"message_uuid": UUID},
}
SMS = {**ADDRESSING, "MessageBody": "Your parcel is on its way", "MessageType": "TRANSACTIONAL"}

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
        "mms",
        content("image", url=STAGED, caption="the door"),
        message=MMS,
        body={**ADDRESSING, "MediaUrls": [STAGED], "MessageBody": "the door"},
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
    operation = "SendMediaMessage" if case.message.get("channel") is Channel.MMS else "SendTextMessage"
    assert request.headers["x-amz-target"] == f"PinpointSMSVoiceV2.{operation}"
    assert request.headers["content-type"] == "application/x-amz-json-1.0"
    check_signature(request, "wJal-secret-of-a-test", request.url.path)


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
    Send("words by MMS", message=MMS, raises=Rejected, code=1140),
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


def of_botocore(operation: str, body: Mapping[str, Any]) -> AWSRequest:
    """The request that boto3 would have sent."""
    requests: list[AWSRequest] = []

    def answer(request: AWSRequest, **_: Any) -> AWSResponse:
        requests.append(request)
        reply = AWSResponse(request.url, 200, {}, None)
        reply._content = fixture(NAME, "accepted")
        return reply

    client = boto3.client(
        "pinpoint-sms-voice-v2",
        region_name="eu-west-2",
        aws_access_key_id="AKIDOFATEST",
        aws_secret_access_key="wJal-secret-of-a-test",
        aws_session_token="session-of-a-test",
    )
    client.meta.events.register("before-send.pinpoint-sms-voice-v2", answer)
    assert getattr(client, operation)(**body)["MessageId"] == MESSAGE_ID
    return requests[0]


ORACLE = [
    ("send_text_message", Send("", message={"lifetime": 600}, settings={"configuration_set": "set-1"})),
    ("send_media_message", Send("", content("image", url=STAGED, caption="the döör"), message=MMS)),
]


@pytest.mark.parametrize(("operation", "case"), ORACLE, ids=["sms", "mms"])
def test_the_request_is_the_one_that_boto3_sends(operation: str, case: Send) -> None:
    ours = sent(NAME, Send(**{**vars(case), "id": MESSAGE_ID}))
    assert ours
    # boto3 refuses what the service model does not allow, so it checks our members too.
    theirs = of_botocore(operation, json.loads(ours.content))
    assert json.loads(theirs.body) == json.loads(ours.content)
    assert theirs.url == str(ours.url)
    headers = {name.lower(): as_text(value) for name, value in theirs.headers.items()}
    for name in ("content-type", "x-amz-target", "x-amz-security-token"):
        assert headers[name] == ours.headers[name]
    credential = re.compile(r"Credential=([^,]+)")
    assert credential.findall(headers["authorization"]) == credential.findall(ours.headers["authorization"])


def as_text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def check_signature(request: httpx.Request, key: str, path: str) -> None:
    """Signature version 4, computed anew from what was sent.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    match = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=[^/]+/"
        r"(?P<scope>(?P<day>\d{8})/(?P<region>[^/]+)/sms-voice/aws4_request), "
        r"SignedHeaders=(?P<names>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})",
        request.headers["authorization"],
    )
    assert match
    names = match["names"].split(";")
    assert {"host", "x-amz-date", "x-amz-target", "content-type"} <= set(names)
    lines = [f"{name}:{request.headers[name].strip()}" for name in names]
    body = hashlib.sha256(request.content).hexdigest()
    canonical = "\n".join([request.method, path, "", *lines, "", match["names"], body])
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join(["AWS4-HMAC-SHA256", request.headers["x-amz-date"], match["scope"], digest])
    secret = f"AWS4{key}".encode()
    for part in (match["day"], match["region"], "sms-voice", "aws4_request", to_sign):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    assert secret.hex() == match["signature"]


def test_without_keys_of_its_own_an_account_uses_the_functions_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIAOFTHEROLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-role")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session-of-the-role")
    aws._session.cache_clear()
    request = sent(NAME, Send("", settings={"access_key_id": ""}, id=MESSAGE_ID))
    aws._session.cache_clear()
    assert request
    assert "Credential=ASIAOFTHEROLE/" in request.headers["authorization"]
    assert request.headers["x-amz-security-token"] == "session-of-the-role"
    check_signature(request, "secret-of-the-role", "/")


def test_no_credentials_anywhere_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    aws._session.cache_clear()
    sent(NAME, Send("", settings={"access_key_id": ""}, raises=ConfigurationError, code=1370))
    aws._session.cache_clear()


def test_every_reason_and_event_of_our_tables_is_in_the_service_model() -> None:
    for name, reason in aws.ERRORS:
        assert MODEL.shape_for(name)
        if reason:
            assert reason in MODEL.shape_for(f"{name}Reason").enum
    known = {event.partition("_")[2] for event in MODEL.shape_for("EventType").enum if event[:3] != "RCS"}
    assert set(aws.STATUSES) | set(aws.FAILURES) <= known


def test_every_event_of_the_service_model_has_a_status() -> None:
    for event in MODEL.shape_for("EventType").enum:
        if event.startswith(("TEXT_", "MEDIA_")) and not event.endswith("_ALL"):
            (seen,) = received(NAME, {"eventType": event})
            assert isinstance(seen, Receipt)
            assert seen.status is not None, event


# --- callbacks -------------------------------------------------------------------------------------


def receipt(status: Status | None, **members: Any) -> Receipt:
    return Receipt(status, {}, message_uuid=UUID, provider_id=MESSAGE_ID, at=at(1795600004.321), **members)


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
    ("RCS_DELIVERED", None, None),
    ("TEXT_", None, None),
    ("", None, None),
]


@pytest.mark.parametrize(("event", "status", "failure"), EVENTS, ids=str)
def test_events(event: str, status: Status | None, failure: Failure | None) -> None:
    payload = json.loads(fixture(NAME, "delivered")) | {"eventType": event}
    usage = Usage(Decimal("0.0436"), "USD")
    assert received(NAME, payload) == [receipt(status, failure=failure, usage=usage)]


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
