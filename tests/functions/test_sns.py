"""SNS messages over HTTPS: what is believed, what is fetched, what is handed on."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from switchboard.adapters.base import Account
from switchboard.errors import BadSignature, SwitchboardError, Unavailable
from switchboard.models.events import Hook
from switchboard.sns import LARGEST_ANSWER, Sns

TOPIC = "arn:aws:sns:eu-west-2:000011112222:sms-events"
OTHER_TOPIC = "arn:aws:sns:eu-west-2:999911112222:sms-events"
HOST = "https://sns.eu-west-2.amazonaws.com"
CERTIFICATE = f"{HOST}/SimpleNotificationService-0a1b2c3d4e5f.pem"
SUBSCRIBE = f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t0ken"
MESSAGE = '{"eventType":"TEXT_DELIVERED",\n"carrierName":"Übermobil"}'

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(number: int = 0) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


@cache
def certificate(key: Key) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM)


def signature(text: str, version: str, key: rsa.RSAPrivateKey) -> str:
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), algorithm)).decode()


def notification(
    version: str = "2", subject: str | None = None, text: str = MESSAGE, **members: Any
) -> dict[str, Any]:
    """A signed one; `members` are put in afterwards."""
    subject_lines = f"Subject\n{subject}\n" if subject is not None else ""
    signed = (
        f"Message\n{text}\nMessageId\nm-1\n{subject_lines}"
        f"Timestamp\n2026-11-25T09:30:00.125Z\nTopicArn\n{TOPIC}\nType\nNotification\n"
    )
    return {
        "Type": "Notification",
        "MessageId": "m-1",
        "TopicArn": TOPIC,
        **({"Subject": subject} if subject is not None else {}),
        "Message": text,
        "Timestamp": "2026-11-25T09:30:00.125Z",
        "SignatureVersion": version,
        "Signature": signature(signed, version, rsa_key()),
        "SigningCertURL": CERTIFICATE,
        "UnsubscribeURL": f"{HOST}/?Action=Unsubscribe",
        **members,
    }


def confirmation(
    kind: str = "SubscriptionConfirmation", url: str = SUBSCRIBE, **members: Any
) -> dict[str, Any]:
    text = (
        f"Message\nYou have chosen\nMessageId\nm-2\nSubscribeURL\n{url}\n"
        f"Timestamp\n2026-11-25T09:30:00.125Z\nToken\nt0ken\nTopicArn\n{TOPIC}\nType\n{kind}\n"
    )
    return {
        "Type": kind,
        "MessageId": "m-2",
        "Token": "t0ken",
        "TopicArn": TOPIC,
        "Message": "You have chosen",
        "SubscribeURL": url,
        "Timestamp": "2026-11-25T09:30:00.125Z",
        "SignatureVersion": "1",
        "Signature": signature(text, "1", rsa_key()),
        "SigningCertURL": CERTIFICATE,
        **members,
    }


Answer = Callable[[httpx.Request], httpx.Response]


def amazon(request: httpx.Request) -> httpx.Response:
    if request.url.path.endswith(".pem"):
        return httpx.Response(200, content=certificate(rsa_key()))
    return httpx.Response(200, text="<ConfirmSubscriptionResponse/>")


@dataclass
class World:
    """`answer` is what SNS's hosts say to us; `asked` are the addresses we called."""

    answer: Answer = amazon
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        # It would follow, if it were left to the client.
        self.client = httpx.Client(transport=httpx.MockTransport(self._handle), follow_redirects=True)
        self.sns = Sns(self.client)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        return self.answer(request)

    def opened(self, message: Mapping[str, Any] | bytes, **settings: Any) -> Hook | None:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        return self.sns.opened(Hook(body), Account("aws", "main", {"topics": [TOPIC], **settings}))


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.client.close()


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [None, "", "News"])
def test_a_notification_is_as_if_sns_had_handed_it_over(
    world: World, version: str, subject: str | None
) -> None:
    at = datetime(2026, 11, 25, 9, 30, 0, 125_000, tzinfo=UTC)
    expected = Hook(MESSAGE.encode(), source="sns", received_at=at)
    assert world.opened(notification(version, subject)) == expected
    assert world.asked == [CERTIFICATE]


def test_a_subject_of_null_is_none(world: World) -> None:
    assert world.opened(notification(Subject=None))


def test_a_subscription_is_confirmed(world: World) -> None:
    assert world.opened(confirmation()) is None
    assert [httpx.URL(url) for url in world.asked] == [httpx.URL(CERTIFICATE), httpx.URL(SUBSCRIBE)]


def test_the_end_of_a_subscription_is_not_undone(world: World) -> None:
    assert world.opened(confirmation("UnsubscribeConfirmation")) is None
    assert world.asked == [CERTIFICATE]


def test_a_certificate_is_fetched_once(world: World) -> None:
    for _ in range(3):
        assert world.opened(notification())
    assert world.asked == [CERTIFICATE]


def test_only_so_many_certificates_are_remembered(world: World) -> None:
    urls = [f"{HOST}/Service-{number}.pem" for number in range(40)]
    for url in urls:
        assert world.opened(notification(SigningCertURL=url))
    assert world.asked == urls
    assert len(world.sns._keys) <= 16


def other(**members: Any) -> dict[str, Any]:
    return notification() | members


ELSEWHERE = {
    "plain HTTP": "http://sns.eu-west-2.amazonaws.com/Service.pem",
    "another host": "https://sns.eu-west-2.amazonaws.com.evil.example/Service.pem",
    "a host that ends like it": "https://evilsns.eu-west-2.amazonaws.com/Service.pem",
    "a bucket": "https://sns.s3.eu-west-2.amazonaws.com/Service.pem",
    "a bucket of the name": "https://sns.s3.amazonaws.com/Service.pem",
    "no region": "https://sns.amazonaws.com/Service.pem",
    "a line end": "https://sns.eu-west-2.amazonaws.com\n.evil.example/Service.pem",
    "a user": "https://sns.eu-west-2.amazonaws.com@evil.example/Service.pem",
    "a user there": "https://user@sns.eu-west-2.amazonaws.com/Service.pem",
    "a port": "https://sns.eu-west-2.amazonaws.com:8443/Service.pem",
    "other digits": "https://sns.eu-west-\u0662.amazonaws.com/Service.pem",
    "no address": "https://[",
    "nothing": "",
    "a number": 7,
}
CALLS = {
    "a call": f"{HOST}/?Action=GetTopicAttributes&x=.pem",
    "a query": f"{HOST}/Service.pem?x=1",
    "a folder": f"{HOST}/x/Service.pem",
    "no certificate": f"{HOST}/Service.txt",
}
FORGED: dict[str, dict[str, Any] | bytes] = {
    "not JSON": b"\xff\x00",
    "nothing": b"",
    "a list": b"[]",
    "deep": b"[" * 100_000,
    "raw delivery": MESSAGE.encode(),
    "no type": other(Type=None),
    "an unknown type": other(Type="Alarm"),
    "a type that is a list": other(Type=["Notification"]),
    "another type": other(Type="UnsubscribeConfirmation", Token="t", SubscribeURL=SUBSCRIBE),
    "another topic": other(TopicArn=OTHER_TOPIC),
    "a topic that is a list": other(TopicArn=[TOPIC]),
    "no topic": other(TopicArn=None),
    "another message": other(Message=MESSAGE + " "),
    "a message that is no text": other(Message={}),
    "half a surrogate pair": other(Message="\ud83d"),
    "another id": other(MessageId="m-2"),
    "another time": other(Timestamp="2026-11-25T09:30:00.126Z"),
    "a subject put in": other(Subject="News"),
    "a subject that is no text": other(Subject=7),
    "members moved": notification(text="A\nMessageId\nB")
    | {"Message": "A", "MessageId": "B\nMessageId\nm-1"},
    "no signature": other(Signature=None),
    "an empty signature": other(Signature=""),
    "a signature that is not base64": other(Signature="§$%"),
    "a signature cut short": other(Signature=notification()["Signature"][:-8]),
    "of another key": other(Signature=signature("x", "2", rsa_key(1))),
    "of another hash": other(SignatureVersion="1"),
    "an unknown version": other(SignatureVersion="3"),
    "a version that is a number": other(SignatureVersion=2),
    "a version that is a list": other(SignatureVersion=["2"]),
    "confirmation for another address": confirmation() | {"SubscribeURL": f"{HOST}/?Action=Other"},
    "confirmation with another token": confirmation() | {"Token": "t"},
    **{f"certificate at {name}": other(SigningCertURL=url) for name, url in (ELSEWHERE | CALLS).items()},
}


@pytest.mark.parametrize("message", FORGED.values(), ids=FORGED)
def test_what_is_not_proven_is_refused(world: World, message: dict[str, Any] | bytes) -> None:
    with pytest.raises(BadSignature):
        world.opened(message)
    assert set(world.asked) <= {CERTIFICATE}


@pytest.mark.parametrize("topics", [[], None, TOPIC, [OTHER_TOPIC], {TOPIC: True}], ids=str)
def test_only_the_account_s_topics_are_believed(world: World, topics: Any) -> None:
    for message in (notification(), confirmation()):
        with pytest.raises(BadSignature):
            world.opened(message, topics=topics)
    assert world.asked == []


@pytest.mark.parametrize("url", [str(url) for url in ELSEWHERE.values()], ids=list(ELSEWHERE))
def test_even_a_proven_confirmation_leads_nowhere_else(world: World, url: str) -> None:
    with pytest.raises(BadSignature):
        world.opened(confirmation(url=url))
    assert set(world.asked) <= {CERTIFICATE}


@pytest.mark.parametrize("host", ["sns.us-gov-west-1.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn"])
def test_other_partitions(world: World, host: str) -> None:
    assert world.opened(notification(SigningCertURL=f"https://{host}/Service.pem"))


def losing(error: type[httpx.RequestError]) -> Answer:
    def lose(request: httpx.Request) -> httpx.Response:
        raise error("lost", request=request)

    return lose


def answering(status: int, content: bytes = b"", **headers: str) -> Answer:
    return lambda _: httpx.Response(status, content=content, headers=headers)


TROUBLE: dict[str, tuple[Answer, type[SwitchboardError]]] = {
    "no connection": (losing(httpx.ConnectError), Unavailable),
    "no answer": (losing(httpx.ReadTimeout), Unavailable),
    "503": (answering(503), Unavailable),
    "429": (answering(429), Unavailable),
    "too much": (answering(200, b"x" * (LARGEST_ANSWER + 1)), Unavailable),
    "403": (answering(403, b"<Error/>"), BadSignature),
    "elsewhere": (answering(302, location="https://evil.example/Service.pem"), BadSignature),
    "not a certificate": (answering(200, b"-----BEGIN CERTIFICATE-----"), BadSignature),
    "not an RSA key": (answering(200, certificate(ec.generate_private_key(ec.SECP256R1()))), BadSignature),
    "another key": (answering(200, certificate(rsa_key(1))), BadSignature),
}


@pytest.mark.parametrize(("answer", "error"), TROUBLE.values(), ids=list(TROUBLE))
def test_trouble_with_the_certificate(world: World, answer: Answer, error: type[SwitchboardError]) -> None:
    world.answer = answer
    with pytest.raises(error):
        world.opened(notification())
    assert world.asked == [CERTIFICATE]


def test_what_failed_is_asked_for_again(world: World) -> None:
    world.answer = answering(503)
    with pytest.raises(Unavailable):
        world.opened(notification())
    world.answer = amazon
    assert world.opened(notification())


def test_a_slow_answer_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 5.1])
    monkeypatch.setattr("switchboard.sns.monotonic", lambda: next(moments))
    with pytest.raises(Unavailable):
        world.opened(notification())


@pytest.mark.parametrize("status", [302, 403, 500])
def test_a_confirmation_that_sns_does_not_take_comes_again(world: World, status: int) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(".pem"):
            return amazon(request)
        return httpx.Response(status, headers={"location": "https://evil.example/"})

    world.answer = answer
    with pytest.raises(Unavailable):
        world.opened(confirmation())
    assert len(world.asked) == 2


def test_an_old_message_is_refused(world: World) -> None:
    """Proven, and of a time that SNS does not repeat any more."""
    at = datetime(2026, 11, 25, 9, 30, 0, 125_000, tzinfo=UTC)  # of the signed message
    for minutes, is_taken in (
        (0, True),
        (61, True),
        (-5, True),
        (121, False),
        (60 * 24, False),
        (-121, False),
    ):
        hook = Hook(json.dumps(notification()).encode(), received_at=at + timedelta(minutes=minutes))
        account = Account("aws", "main", {"topics": [TOPIC]})
        if is_taken:
            assert world.sns.opened(hook, account)
        else:
            with pytest.raises(BadSignature):
                world.sns.opened(hook, account)


TRICKY_HOSTS = [
    "https://sns.eu-west-2.amazonaws.com.",
    "https://sns.eu-west-2.amazonaws.com%2eevil.example",
    "https://sns.eu-west-2.amazonaws.com%00.evil.example",
    "https://sns.eu-west-2.amazonaws.com\\@evil.example",
    "https://sns.eu-west-2.amazonaws.com#@evil.example",
    "https://sns.eu-west-2.amazonaws.com?@evil.example",
    "https://sns.eu-west-2.amazonaws.com;evil.example",
    "https://evil.example/sns.eu-west-2.amazonaws.com",
    "https://evil.example#sns.eu-west-2.amazonaws.com",
    "https://evil.example?sns.eu-west-2.amazonaws.com",
    "https://sns.eu-west-2.amazonaws.org",
    "https://sns.eu-west-2.amazonaws.co",
    "https://sns.eu-west-2.amazonaws.com.cn.evil.example",
    "https://sns-eu-west-2.amazonaws.com",
    "https://sns.eu-west-2-amazonaws.com",
    "https://sns.eu-west-2.amazonaws-com.evil.example",
    "https://sqs.eu-west-2.amazonaws.com",
    "https://x.sns.eu-west-2.amazonaws.com",
    "https://sns.eu-west-2.s3.amazonaws.com",
    "https://sns..eu-west-2.amazonaws.com",
    "https://sns.eu-west-2.amazonaws.com:0",
    "https://sns.eu-west-2.amazonaws.com:22",
    "https://127.0.0.1",
    "https://[::1]",
    "https://169.254.169.254",
    "https://localhost",
    "//sns.eu-west-2.amazonaws.com",
    "ftp://sns.eu-west-2.amazonaws.com",
    "file:///sns.eu-west-2.amazonaws.com",
    "javascript:sns.eu-west-2.amazonaws.com",
    "https://\u0455ns.eu-west-2.amazonaws.com",
    "https://sns.eu-west-2.\u0430mazonaws.com",
    "https://sns。eu-west-2。amazonaws。com.evil.example",
    " https://evil.example",
    "https:\\\\sns.eu-west-2.amazonaws.com",
]


@pytest.mark.parametrize("host", TRICKY_HOSTS)
def test_certificates_come_from_sns_only(world: World, host: str) -> None:
    for path in ("/Service.pem", "/"):
        with pytest.raises(BadSignature):
            world.opened(notification(SigningCertURL=host + path))
    assert world.asked == []
