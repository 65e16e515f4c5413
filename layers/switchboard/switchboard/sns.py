"""SNS messages that come over HTTPS, from topics to which somebody subscribed our callback address.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html

Raw message delivery must be off for the subscription: raw messages are not signed.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

import httpx

from switchboard import clock
from switchboard.adapters.base import Account
from switchboard.errors import BadSignature, Unavailable
from switchboard.models.events import Hook

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

SECONDS = 5.0
"""Longest time for one answer, however steadily it drips."""
LARGEST_ANSWER = 16 * 1024
WINDOW = timedelta(hours=2)
"""How old a message can be. SNS repeats one for an hour at most."""
KEPT = 16
"""Keys that are remembered. Each region has one at a time, for years."""

_HOST = re.compile(r"sns\.[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}\.amazonaws\.com(\.cn)?")
_CERTIFICATE = re.compile(r"/[A-Za-z0-9_-]+\.pem")

NOTIFICATION, SUBSCRIPTION, FAREWELL = "Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"
# What is signed of each type, in this order.
_CONFIRMED = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIPTION: _CONFIRMED,
    FAREWELL: _CONFIRMED,
}
OPTIONAL = frozenset({"Subject"})
FREE_TEXT = frozenset({"Message", "Subject"})


class Sns:
    """Proves SNS messages. One per process: it remembers the keys."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._keys: dict[str, RSAPublicKey] = {}

    def opened(self, hook: Hook, account: Account) -> Hook | None:
        """The notification in a callback, as if SNS had handed it to the function itself; None for a
        proven message of another type. A subscription is confirmed.

        Only the account's `topics` are believed: anybody can subscribe us to one of their own.
        BadSignature if it is not proven; Unavailable if SNS did not answer us, so it may come again.
        """
        message = _message(hook.body)
        kind = message.get("Type")
        if not isinstance(kind, str) or kind not in SIGNED:
            raise BadSignature("not a message of SNS")
        topics = account.settings.get("topics")
        if not isinstance(topics, list | tuple) or message.get("TopicArn") not in topics:
            raise BadSignature("not one of the account's topics")
        self._prove(message, SIGNED[kind])
        _fresh(message, hook)
        if kind == SUBSCRIPTION:
            self._confirm(message)
        return _notification(message) if kind == NOTIFICATION else None

    def _prove(self, message: Mapping[str, Any], names: tuple[str, ...]) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA1, SHA256

        versions: dict[object, SHA1 | SHA256] = {"1": SHA1(), "2": SHA256()}
        version = message.get("SignatureVersion")
        algorithm = versions.get(version) if isinstance(version, str) else None
        if algorithm is None:
            raise BadSignature("SignatureVersion")
        signed = _signed(message, names)
        try:
            signature = base64.b64decode(message["Signature"], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error):
            raise BadSignature("Signature") from None
        key = self._key(_url(message.get("SigningCertURL")))
        try:
            key.verify(signature, signed, PKCS1v15(), algorithm)
        except InvalidSignature:
            raise BadSignature("Signature") from None

    def _key(self, url: httpx.URL) -> "RSAPublicKey":
        """The key of a certificate. TLS vouches for it: it comes from SNS's own host."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.x509 import load_pem_x509_certificate

        # Nothing but a file: other addresses of this host are calls, whose answers others can shape.
        if not _CERTIFICATE.fullmatch(url.raw_path.decode()):
            raise BadSignature("SigningCertURL")
        if known := self._keys.get(str(url)):
            return known
        status, body = self._get(url)
        if status != httpx.codes.OK:
            raise BadSignature("no such certificate")
        try:
            key = load_pem_x509_certificate(body).public_key()
        except (ValueError, UnsupportedAlgorithm):
            raise BadSignature("not a certificate") from None
        if not isinstance(key, RSAPublicKey):
            raise BadSignature("not an RSA key")
        if len(self._keys) >= KEPT:
            self._keys.clear()
        self._keys[str(url)] = key
        return key

    def _confirm(self, message: Mapping[str, Any]) -> None:
        status, _ = self._get(_url(message["SubscribeURL"]))
        if status != httpx.codes.OK:
            raise Unavailable(1331, status)

    def _get(self, url: httpx.URL) -> tuple[int, bytes]:
        """Status and body. Unavailable if there is no answer that can be used, or not yet."""
        body, end = bytearray(), monotonic() + SECONDS
        try:
            with self._client.stream("GET", url, follow_redirects=False, timeout=SECONDS) as reply:
                if reply.is_server_error or reply.status_code == httpx.codes.TOO_MANY_REQUESTS:
                    raise Unavailable(1331, reply.status_code)
                for part in reply.iter_bytes():
                    body += part
                    if len(body) > LARGEST_ANSWER:
                        raise Unavailable(1331, "too large")
                    if monotonic() > end:
                        raise Unavailable(1331, "slow")
                return reply.status_code, bytes(body)
        except httpx.RequestError as error:
            raise Unavailable(1331, type(error).__name__) from error


def _message(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BadSignature("not a message of SNS")
    return value


def _signed(message: Mapping[str, Any], names: tuple[str, ...]) -> bytes:
    """The bytes that the signature is over. BadSignature if something is missing or cannot be signed."""
    lines = []
    for name in names:
        value = message.get(name)
        if value is None and name in OPTIONAL:
            continue
        if not isinstance(value, str):
            raise BadSignature(name)
        if "\n" in value and name not in FREE_TEXT:  # it could pass for the next members
            raise BadSignature(name)
        lines += [name, value]
    try:
        return "".join(f"{line}\n" for line in lines).encode()
    except UnicodeEncodeError:
        raise BadSignature("half a surrogate pair") from None


def _fresh(message: Mapping[str, Any], hook: Hook) -> None:
    """BadSignature for a proven message that is too old to be SNS's own repeat."""
    try:
        age = hook.received_at - clock.from_wire(message["Timestamp"]) if hook.received_at else timedelta()
    except (ValueError, TypeError):
        raise BadSignature("Timestamp") from None
    if not -WINDOW <= age <= WINDOW:
        raise BadSignature("Timestamp")


def _url(value: object) -> httpx.URL:
    """An address at SNS, in any region. BadSignature for every other."""
    try:
        url = httpx.URL(value if isinstance(value, str) else "")
    except httpx.InvalidURL:
        raise BadSignature("not an address") from None
    if url.scheme != "https" or url.port is not None or url.userinfo or not _HOST.fullmatch(url.host):
        raise BadSignature("not an address of SNS")
    return url


def _notification(message: Mapping[str, Any]) -> Hook:
    try:
        at = clock.from_wire(message["Timestamp"])
    except ValueError:
        raise BadSignature("Timestamp") from None
    return Hook(body=message["Message"].encode(), source="sns", received_at=at)
