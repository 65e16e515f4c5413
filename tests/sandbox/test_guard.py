import json
from typing import Any

import pytest

from sandbox.guard import AwsGuard, Guard

SIGNED = ("authorization", "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/sqs/aws4_request")


async def _inner(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def status(guard: Guard, headers: list[tuple[str, str]], path: str = "/", query: bytes = b"") -> int:
    import asyncio

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "path": path, "query_string": query, "headers": raw}
    asyncio.run(guard(scope, lambda: None, send))  # type: ignore[arg-type, return-value]
    if sent[0]["status"] == 403:
        assert json.loads(sent[1]["body"])["message"].startswith("Forbidden: ")
    return int(sent[0]["status"])


HERE = ("host", "127.0.0.1:8080")
FRONT = [
    ("plain", [HERE], 204),
    ("localhost", [("host", "localhost:8080")], 204),
    ("upper case", [("Host", "LOCALHOST:8080")], 204),
    ("ipv6", [("host", "[::1]:8080")], 204),
    ("no port", [("host", "127.0.0.1")], 204),
    ("forwarded port", [("host", "127.0.0.1:9999")], 204),
    ("rebound name", [("host", "evil.example:8080")], 403),
    ("loopback as a prefix", [("host", "127.0.0.1.evil.example")], 403),
    ("no host", [], 403),
    ("two hosts", [HERE, ("host", "evil.example")], 403),
    ("named host", [("host", "sms.example")], 204),
    ("own page", [HERE, ("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")], 204),
    ("typed in", [HERE, ("sec-fetch-site", "none")], 204),
    ("tunnelled page", [("host", "sms.example"), ("origin", "https://sms.example")], 204),
    ("foreign page", [HERE, ("origin", "https://evil.example")], 403),
    ("page on another port", [HERE, ("origin", "http://127.0.0.1:3000")], 403),
    ("page from a file", [HERE, ("origin", "null")], 403),
    ("cross-site image", [HERE, ("sec-fetch-site", "cross-site")], 403),
    ("page on this host", [HERE, ("sec-fetch-site", "same-site")], 403),
]


@pytest.mark.parametrize(("headers", "expected"), [c[1:] for c in FRONT], ids=[c[0] for c in FRONT])
def test_front(headers: list[tuple[str, str]], expected: int) -> None:
    assert status(Guard(_inner, 8080, {"sms.example"}), headers) == expected


@pytest.mark.parametrize(("tls_port", "expected"), [(8443, 204), (8444, 403), (None, 403)])
def test_own_page_over_tls(tls_port: int | None, expected: int) -> None:
    headers = [HERE, ("origin", "https://localhost:8443"), ("sec-fetch-site", "same-origin")]
    assert status(Guard(_inner, 8080, tls_port=tls_port), headers) == expected


PRESIGNED = b"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=abc"
AWS = [
    ("signed", [HERE, SIGNED], "/", b"", 204),
    ("presigned", [HERE], "/bucket/key", PRESIGNED, 204),
    ("unsigned", [HERE], "/", b"", 403),
    ("other credentials", [HERE, ("authorization", "Bearer x")], "/", b"", 403),
    ("own page", [HERE, SIGNED, ("origin", "http://127.0.0.1:8080")], "/", b"", 403),
    ("typed in", [HERE, SIGNED, ("sec-fetch-site", "none")], "/", b"", 403),
    ("rebound name", [("host", "evil.example"), SIGNED], "/", b"", 403),
    ("reset", [HERE, SIGNED], "/_ministack/reset", b"", 403),
    ("other door", [HERE, SIGNED], "/_localstack/health", b"", 403),
    ("api by path", [HERE, SIGNED], "/_aws/execute-api/a/b", b"", 403),
]


@pytest.mark.parametrize(
    ("headers", "path", "query", "expected"), [c[1:] for c in AWS], ids=[c[0] for c in AWS]
)
def test_aws_port(headers: list[tuple[str, str]], path: str, query: bytes, expected: int) -> None:
    assert status(AwsGuard(_inner, 8080), headers, path, query) == expected
