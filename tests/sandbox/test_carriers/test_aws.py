"""End User Messaging SMS, asked by AWS's own client."""

import time
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from .rig import RECEIPTS, Rig

pytestmark = pytest.mark.network

SMS = {"DestinationPhoneNumber": "+14255550100", "MessageBody": "x"}
MMS = {
    "DestinationPhoneNumber": "+14255550100",
    "OriginationIdentity": "+12065550142",
    "MediaUrls": ["s3://bucket/key.jpg"],
}


@pytest.mark.parametrize(
    ("operation", "members", "named"),
    [
        pytest.param(
            "send_text_message", {"DestinationPhoneNumber": "x"}, "DestinationPhoneNumber", id="number"
        ),
        pytest.param(
            "send_text_message", {"DestinationPhoneNumber": "+0123"}, "DestinationPhoneNumber", id="zero"
        ),
        pytest.param("send_text_message", {"MessageBody": "x" * 1601}, "MessageBody", id="long"),
        pytest.param("send_text_message", {"MessageBody": " \n"}, "MessageBody", id="blank"),
        pytest.param("send_text_message", {"MessageBody": None}, "MessageBody", id="no-body"),
        pytest.param("send_text_message", {"TimeToLive": 4}, "TimeToLive", id="short-life"),
        pytest.param("send_text_message", {"TimeToLive": 259_201}, "TimeToLive", id="long-life"),
        pytest.param(
            "send_text_message", {"Context": {str(n): "v" for n in range(6)}}, "Context", id="context"
        ),
        pytest.param("send_text_message", {"MessageType": "OTHER"}, "MessageType", id="type"),
        pytest.param("send_text_message", {"MaxPrice": "1"}, "MaxPrice", id="price"),
        pytest.param(
            "send_media_message", {"MediaUrls": ["https://e.example/a"]}, "MediaUrls[0]", id="not-s3"
        ),
        pytest.param("send_media_message", {"MediaUrls": []}, "MediaUrls", id="no-media"),
        pytest.param("send_media_message", {"MediaUrls": ["s3://bkt/a"] * 2}, "MediaUrls", id="two-media"),
        pytest.param(
            "send_media_message", {"OriginationIdentity": None}, "OriginationIdentity", id="no-origin"
        ),
    ],
)
def test_aws_names_a_wrong_member(aws: Any, operation: str, members: dict[str, Any], named: str) -> None:
    request = {**(SMS if operation == "send_text_message" else MMS), **members}
    request = {name: value for name, value in request.items() if value is not None}
    with pytest.raises(ClientError) as raised:
        getattr(aws, operation)(**request)
    answer = raised.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert answer["Error"]["Code"] == "ValidationException"
    assert answer["Reason"] == "FIELD_VALIDATION_FAILED"
    assert [entry["Name"] for entry in answer["Fields"]] == [named]


def test_aws_opt_out_says_who_and_why(aws: Any) -> None:
    with pytest.raises(aws.exceptions.ConflictException) as raised:
        aws.send_text_message(**{**SMS, "DestinationPhoneNumber": "+14255550003"})
    answer = raised.value.response
    assert (answer["Reason"], answer["ResourceType"]) == (
        "DESTINATION_PHONE_NUMBER_OPTED_OUT",
        "opted-out-number",
    )


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        pytest.param({"authorization": None}, 403, "MissingAuthenticationTokenException", id="none"),
        pytest.param({"authorization": "Bearer x"}, 403, "IncompleteSignatureException", id="other"),
        pytest.param({"service": "sns"}, 403, "InvalidSignatureException", id="scope"),
        pytest.param(
            {"target": "PinpointSMSVoiceV2.SendVoiceMessage"}, 400, "UnknownOperationException", id="voice"
        ),
        pytest.param({"target": None}, 400, "UnknownOperationException", id="no-target"),
    ],
)
def test_aws_refuses(rig: Rig, headers: dict[str, str | None], status: int, kind: str) -> None:
    scope = f"AKID/20261101/us-east-1/{headers.get('service', 'sms-voice')}/aws4_request"
    signed = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    sent = {
        "authorization": headers.get("authorization", signed),
        "x-amz-target": headers.get("target", "PinpointSMSVoiceV2.SendTextMessage"),
    }
    reply = rig.http.post(
        "/aws/", json=SMS, headers={name: value for name, value in sent.items() if value is not None}
    )
    assert (reply.status_code, reply.json()["__type"]) == (status, kind)


@pytest.mark.parametrize(
    ("number", "body", "encoding", "parts", "price", "country"),
    [
        pytest.param("+14255554321", "x" * 161, "GSM", 2, 0.01162, "US", id="gsm"),
        pytest.param("+447700904321", "\u0416" * 71, "Unicode", 2, 0.083, "GB", id="ucs2"),
    ],
)
def test_sms_event(
    rig: Rig, aws: Any, number: str, body: str, encoding: str, parts: int, price: float, country: str
) -> None:
    echo = str(uuid4())
    before = time.time() * 1000
    reply = aws.send_text_message(
        DestinationPhoneNumber=number,
        OriginationIdentity="Harbour",
        MessageBody=body,
        MessageType="PROMOTIONAL",
        Context={"message_uuid": echo, "other": "kept"},
        TimeToLive=600,
    )
    (call,) = rig.receiver.wait(1, echo)
    event = call.json
    assert call.path == RECEIPTS
    assert event["messageId"] == reply["MessageId"]
    assert event["context"] == {"message_uuid": echo, "other": "kept"}
    assert (event["originationPhoneNumber"], event["destinationPhoneNumber"]) == ("Harbour", number)
    assert (event["eventVersion"], event["messageStatus"], event["isFinal"]) == ("1.0", "DELIVERED", True)
    assert (event["messageType"], event["isoCountryCode"]) == ("PROMOTIONAL", country)
    assert (event["messageEncoding"], event["totalMessageParts"]) == (encoding, parts)
    assert event["totalMessagePrice"] == pytest.approx(price)
    assert before - 1 <= event["messageRequestTimestamp"] <= event["eventTimestamp"] <= time.time() * 1000


def test_mms_event(rig: Rig, aws: Any) -> None:
    echo = str(uuid4())
    reply = aws.send_media_message(**MMS, Context={"message_uuid": echo})
    (call,) = rig.receiver.wait(1, echo)
    event = call.json
    assert (event["eventType"], event["messageId"]) == ("MEDIA_DELIVERED", reply["MessageId"])
    assert event["totalMessagePrice"] > 0
    assert [send["channel"] for send in rig.sends(echo)] == ["mms"]


def test_dry_run_sends_nothing(rig: Rig, aws: Any) -> None:
    echo = str(uuid4())
    assert aws.send_text_message(**SMS, DryRun=True, Context={"message_uuid": echo})["MessageId"]
    assert rig.sends(echo) == []


def test_an_mms_may_have_no_media(aws: Any) -> None:
    send = {name: value for name, value in MMS.items() if name != "MediaUrls"} | {"MessageBody": "x"}
    assert aws.send_media_message(**send)["MessageId"]
