"""Clients of the carriers, and the receiver that stands where Switchboard and SNS would be."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import boto3
import httpx
from botocore.config import Config as BotoConfig
from botocore.exceptions import ClientError, HTTPClientError

from sandbox.carriers.callbacks import Undelivered
from sandbox.carriers.config import Credentials

PACE = 0.1
CREDENTIALS = Credentials.new()
SECRETS = {
    "access_token": CREDENTIALS.secret("meta access_token"),
    "app_secret": CREDENTIALS.secret("meta app_secret"),
    "verify_token": CREDENTIALS.secret("meta verify_token"),
    "api_key": CREDENTIALS.secret("infobip api_key"),
    "callback_token": CREDENTIALS.secret("infobip callback_token"),
}
RECEIPTS = "arn:aws:sns:us-east-1:000000000000:receipts"
INBOUND = "arn:aws:sns:us-east-1:000000000000:two-way"
GARBLED = "garbled"
PUBLISHED = b"<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"
"""What SNS answers; to what contains the word before it, nothing that its client can read."""
PAGE, PHONE_ID, PHONE = "400200", "300100", "15550107001"


@dataclass
class Call:
    """One callback: an HTTP request, or what was published to a topic (then `path` is the topic)."""

    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, list[str]] = field(default_factory=dict)
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """Stands where Switchboard and SNS would be. `refuse` makes the next callbacks fail."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.refusals: dict[str, int] = {}
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                url = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                taken = receiver.take(Call(url.path, body, headers, parse_qs(url.query)))
                answer = PUBLISHED if url.path == "/" and GARBLED.encode() not in body else b""
                self._answer(200 if taken else 503, answer)

            def do_GET(self) -> None:
                url = urlsplit(self.path)
                query = parse_qs(url.query)
                match url.path:
                    case "/picture.webp":
                        self._answer(200, b"RIFF-bytes", "image/webp")
                    case "/large.bin":
                        self._answer(200, bytes(5 * 1024 * 1024 + 1))
                    case "/inbound/messenger/default":  # its echo is wrong
                        self._answer(200, b"0")
                    case "/inbound/whatsapp_cloud/default" if query["hub.mode"] == ["subscribe"] and query[
                        "hub.verify_token"
                    ] == [SECRETS["verify_token"]]:
                        self._answer(200, query["hub.challenge"][0].encode())
                    case _:
                        self._answer(404, b"")

            def _answer(self, status: int, body: bytes, kind: str = "text/plain") -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.send_header("content-type", kind)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def publish(self, topic: str, text: str) -> None:
        if not self.take(Call(topic, text.encode())):
            raise Undelivered("refused")

    def take(self, call: Call) -> bool:
        with self._lock:
            for needle in self.refusals:
                if needle.encode() in call.body and self.refusals[needle] > 0:
                    self.refusals[needle] -= 1
                    return False
            self.calls.append(call)
            return True

    def about(self, *needles: str) -> list[Call]:
        with self._lock:
            return [call for call in self.calls if any(needle.encode() in call.body for needle in needles)]

    def wait(self, count: int, *needles: str, seconds: float = 5.0) -> list[Call]:
        """At least `count` callbacks that contain a needle, in the order they came."""
        limit = time.monotonic() + seconds
        while len(found := self.about(*needles)) < count and time.monotonic() < limit:
            time.sleep(0.005)
        assert len(found) >= count, [call.body for call in found]
        return found


@dataclass
class Rig:
    """The carriers at `url`, what they call back, and clients that ask them."""

    url: str
    receiver: Receiver
    http: httpx.Client
    aws: Any

    def sends(self, echo: str) -> list[dict[str, Any]]:
        log = self.http.get("/log").json()
        return [send for send in log["sends"] if send["echo_id"] == echo]


def aws_client(url: str, **config: Any) -> Any:
    return boto3.client(
        "pinpoint-sms-voice-v2",
        endpoint_url=f"{url}/aws",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=BotoConfig(retries={"total_max_attempts": 1}, **config),
    )


def graph(rig: Rig, sender: str, body: Any, token: str = SECRETS["access_token"]) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"}
    provider = "whatsapp_cloud" if "messaging_product" in body else "messenger"
    return rig.http.post(f"/{provider}/v26.0/{sender}/messages", json=body, headers=headers)


def infobip(rig: Rig, body: Any, key: str = SECRETS["api_key"]) -> httpx.Response:
    headers = {"authorization": f"App {key}"}
    return rig.http.post("/infobip/viber/2/messages", json=body, headers=headers)


def whatsapp_body(to: str, echo: str | None, **members: Any) -> dict[str, Any]:
    body = {"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": "Good day"}}
    return {**body, **({"biz_opaque_callback_data": echo} if echo else {}), **members}


def messenger_body(to: str, echo: str | None, **members: Any) -> dict[str, Any]:
    message = {"text": "Good day", **({"metadata": echo} if echo else {})}
    return {"recipient": {"id": to}, "messaging_type": "RESPONSE", "message": message, **members}


def viber_body(rig: Rig, to: str, echo: str, **members: Any) -> dict[str, Any]:
    message = {
        "sender": "Harbour",
        "destinations": [{"to": to, "messageId": echo}],
        "content": {"type": "TEXT", "text": "Good day"},
        "webhooks": {
            "delivery": {"url": f"{rig.receiver.url}/reports"},
            "seen": {"url": f"{rig.receiver.url}/seen"},
            "callbackData": echo,
        },
        **members,
    }
    return {"messages": [message]}


@dataclass
class Reply:
    """What a caller got: HTTP status and the provider's code; 0 if the connection was closed."""

    status: int
    code: str = ""
    retry_after: str | None = None
    provider_id: str = ""


def send_sms(rig: Rig, to: str, echo: str) -> Reply:
    try:
        reply = rig.aws.send_text_message(
            DestinationPhoneNumber=f"+{to}",
            OriginationIdentity="+12065550142",
            MessageBody="Good day",
            Context={"message_uuid": echo},
        )
    except ClientError as error:
        answer = error.response
        code = answer["Error"]["Code"] + answer.get("Reason", "")
        return Reply(answer["ResponseMetadata"]["HTTPStatusCode"], code)
    except HTTPClientError:
        return Reply(0)
    return Reply(200, provider_id=reply["MessageId"])


def over_http(call: Callable[[], httpx.Response], parse: Callable[[Any], tuple[str, str]]) -> Reply:
    try:
        reply = call()
    except (httpx.RemoteProtocolError, httpx.ReadError):
        return Reply(0)
    code, identifier = parse(reply.json())
    return Reply(reply.status_code, code, reply.headers.get("retry-after"), identifier)


def parse_graph(answer: Any) -> tuple[str, str]:
    if "error" in answer:
        error = answer["error"]
        return "/".join(str(error[name]) for name in ("code", "error_subcode") if name in error), ""
    return "", answer["messages"][0]["id"] if "messages" in answer else answer["message_id"]


def parse_infobip(answer: Any) -> tuple[str, str]:
    if "messages" not in answer:
        return answer["requestError"]["serviceException"]["messageId"], ""
    status = answer["messages"][0]["status"]
    code = f"{status['groupId']}/{status['id']}" if status["groupId"] != 1 else ""
    return code, answer["messages"][0]["messageId"]


def send_whatsapp(rig: Rig, to: str, echo: str) -> Reply:
    return over_http(lambda: graph(rig, PHONE_ID, whatsapp_body(to, echo)), parse_graph)


def send_messenger(rig: Rig, to: str, echo: str) -> Reply:
    return over_http(lambda: graph(rig, PAGE, messenger_body(to, echo)), parse_graph)


def send_viber(rig: Rig, to: str, echo: str) -> Reply:
    return over_http(lambda: infobip(rig, viber_body(rig, to, echo)), parse_infobip)


SENDERS = {
    "sms": send_sms,
    "whatsapp": send_whatsapp,
    "messenger": send_messenger,
    "viber_service_msg": send_viber,
}
PROVIDERS = {
    "sms": "aws",
    "whatsapp": "whatsapp_cloud",
    "messenger": "messenger",
    "viber_service_msg": "infobip",
}


def kinds(call: Call) -> list[str]:
    """What a callback reports, in the provider's own words."""
    body = call.json
    if "eventType" in body:
        return [body["eventType"]]
    if "results" in body:
        return [
            "seen" if "seenAt" in result else f"{result['status']['name']} {result['error']['name']}"
            for result in body["results"]
        ]
    found = []
    for entry in body["entry"]:
        for change in entry.get("changes", []):
            found += [status["status"] for status in change["value"].get("statuses", [])]
        found += [
            next(kind for kind in ("message", "delivery", "read") if kind in event)
            for event in entry.get("messaging", [])
        ]
    return found


def person(channel: str, last4: str) -> str:
    """A recipient that no other test uses."""
    return f"{'1425555' if channel == 'sms' else '7700'}{uuid4().int % 10**5:05d}{last4}"


def needles(channel: str, to: str, echo: str) -> tuple[str, ...]:
    """What tells callbacks of this message from others: a read of Messenger names only the person."""
    return (f'"{to}"',) if channel == "messenger" else (echo,)


def signed(call: Call) -> bool:
    mac = hmac.new(SECRETS["app_secret"].encode(), call.body, hashlib.sha256).hexdigest()
    return call.headers["x-hub-signature-256"] == f"sha256={mac}"
