"""What real clients send, byte for byte; and who is not let in."""

import json
import socket
from typing import Any

import httpx
import psutil
import pytest

from tests.e2e import bodies
from tests.e2e.application import Application
from tests.e2e.clients import vonage
from tests.e2e.local_stack import LocalStack

pytestmark = pytest.mark.e2e

Answer = tuple[int, dict[str, str], bytes]


class Wire:
    """One connection, on which nothing is put right."""

    def __init__(self, stack: LocalStack) -> None:
        self._socket = socket.create_connection(("127.0.0.1", stack.port), timeout=30)
        self._reader = self._socket.makefile("rb")

    def say(self, head: str, body: bytes = b"") -> None:
        self.send(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)

    def send(self, content: bytes) -> None:
        self._socket.sendall(content)

    def hear(self) -> Answer:
        """Status, headers by lower-case names, body. A status of 0: the connection was closed."""
        line = self._reader.readline()
        if not line:
            return 0, {}, b""
        headers = {}
        while (header := self._reader.readline().strip()) != b"":
            name, _, value = header.decode().partition(":")
            headers[name.lower()] = value.strip()
        status = int(line.split()[1])
        length = int(headers.get("content-length", 0))
        return status, headers, self._reader.read(length) if status != 204 else b""


def request(body: Any) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    "head",
    [
        "POST /v0.1/messages HTTP/1.1\nHost: {host}\nAuthorization: {token}\nContent-Length: {length}",
        "POST /v0.1/messages? HTTP/1.1\nHost: {host}\nAuthorization: {token}\nContent-Length: {length}",
        "POST /v0.1/messages/ HTTP/1.1\nHost: {host}\nAuthorization: {token}\nContent-Length: {length}",
        "POST /v0.1/messages?a=1&b HTTP/1.1\nHost: {host}\nAuthorization: {token}\nContent-Length: {length}",
        "POST /v0.1/messages HTTP/1.1\nHOST: {host}\nAUTHORIZATION: {token}\nCONTENT-LENGTH: {length}",
        "POST /v0.1/messages HTTP/1.1\nhost: {host}\nauthorization: {token}\ncontent-length: {length}",
        "POST /v0.1/messages HTTP/1.1\nhOsT: {host}\naUtHoRiZaTiOn: {token}\ncontent-LENGTH: {length}",
        "POST /v0.1/messages HTTP/1.1\nHost: {host}\nAuthorization: {lower}\nContent-Length: {length}",
        "POST /v0.1/messages HTTP/1.1\nHost: {host}\nAuthorization: {token}\nContent-Length: {length}\n"
        "Content-Type: application/json; charset=utf-8",
        "POST /v0.1/messages HTTP/1.1\nHost: {host}\nAuthorization: {token}\nContent-Length: {length}\n"
        "Content-Type: application/octet-stream",
        "POST /v0.1/messages HTTP/1.1\nHost: {host}\nAuthorization: {token}\nContent-Length: {length}\n"
        "Accept-Encoding: gzip, deflate, br\nAccept: */*\nUser-Agent: \nConnection: close",
        "POST /v0.1/messages HTTP/1.0\nHost: {host}\nAuthorization: {token}\nContent-Length: {length}",
    ],
    ids=[
        "no content type",
        "empty query",
        "slash at the end",
        "a query",
        "upper case",
        "lower case",
        "mixed case",
        "lower-case scheme",
        "charset",
        "bytes",
        "other headers",
        "HTTP 1.0",
    ],
)
def test_message_is_taken_however_it_comes(stack: LocalStack, application: Application, head: str) -> None:
    body = request(bodies.message("sms"))
    token = application.authorization["Authorization"]
    wire = Wire(stack)
    lower = token.replace("Bearer", "bearer")
    wire.say(head.format(host=f"127.0.0.1:{stack.port}", token=token, lower=lower, length=len(body)), body)
    status, headers, answer = wire.hear()
    assert (status, headers["content-type"]) == (202, "application/json")
    assert set(json.loads(answer)) == {"message_uuid"}


def test_body_in_chunks_after_a_hundred_continue(stack: LocalStack, application: Application) -> None:
    body = request(bodies.message("sms"))
    wire = Wire(stack)
    token = application.authorization["Authorization"]
    wire.say(
        f"POST /v0.1/messages HTTP/1.1\nHost: localhost\nAuthorization: {token}\n"
        "Transfer-Encoding: chunked\nExpect: 100-continue"
    )
    assert wire.hear()[0] == 100
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:10], body[10:])) + b"0\r\n\r\n"
    wire.send(chunks)
    assert wire.hear()[0] == 202


def test_connection_survives_what_went_over_it(stack: LocalStack, application: Application) -> None:
    """One connection: a refusal, a message, a look at it, another message."""
    wire = Wire(stack)
    token = application.authorization["Authorization"]
    common = f"Host: localhost\nAuthorization: {token}"
    statuses = []
    for body in (b"{", request(bodies.message("sms")), b"[]", request(bodies.message("mms"))):
        wire.say(f"POST /v0.1/messages HTTP/1.1\n{common}\nContent-Length: {len(body)}", body)
        statuses.append(wire.hear()[0])
    assert statuses == [400, 202, 400, 202]


@pytest.mark.parametrize(
    "extra",
    ["Content-Length: 2", "Connection: close", "Connection: keep-alive", "Content-Type: application/json"],
    ids=["length", "close", "keep-alive", "type"],
)
def test_delete_with_a_stray_body(stack: LocalStack, application: Application, extra: str) -> None:
    """The old Node client sends one, without its length. It must not become the next request."""
    wire = Wire(stack)
    account = "Host: localhost\nAuthorization: Basic bG9jYWxrZXk6bG9jYWxzZWNyZXQ="
    wire.say(f"DELETE /v2/applications/{application.id} HTTP/1.1\n{account}\n{extra}", b"{}")
    assert wire.hear()[0] == 204
    try:
        wire.say(f"GET /v2/applications/{application.id} HTTP/1.1\n{account}")
        assert wire.hear()[0] in (0, 404)
    except OSError:
        pass  # closed already: the client opens another
    assert httpx.get(f"{stack.url}/health").json() == {"status": "ready"}


CASES = {
    "no credentials": ({}, 401, "Request header 'Authorization' missing"),
    "unknown scheme": ({"Authorization": "Digest x"}, 401, "Invalid Token"),
    "no token": ({"Authorization": "Bearer"}, 401, "Invalid Token"),
    "no JWT": ({"Authorization": "Bearer abc"}, 401, "Invalid Token"),
    "wrong secret": (
        {"Authorization": "Basic bG9jYWxrZXk6d3Jvbmc="},
        401,
        "You did not provide correct credentials.",
    ),
}


@pytest.mark.parametrize("path", ["/v0.1/messages", "/v0.1/dispatch"])
@pytest.mark.parametrize(("headers", "status", "detail"), CASES.values(), ids=CASES)
def test_refused(stack: LocalStack, path: str, headers: dict[str, str], status: int, detail: str) -> None:
    trace = "0123456789abcdef0123456789abcdef"
    answer = httpx.post(
        f"{stack.url}{path}", json=bodies.message("sms"), headers=headers | {"x-nexmo-trace-id": trace}
    )
    body = answer.json()
    assert (answer.status_code, body["detail"]) == (status, detail)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-nexmo-trace-id"] == body["instance"] == trace


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/v0.1/messages/ping", 200, None),
        ("GET", "/v1/messages/ping", 200, None),
        ("GET", "/v0.1/dispatch/ping", 200, None),
        ("GET", "/v2/applications/ping", 200, None),
        ("GET", "/nothing", 404, None),
        ("GET", "/", 404, None),
        ("DELETE", "/v0.1/messages", 405, "GET, POST"),
        ("GET", "/v1/messages/", 405, "POST"),
        ("TRACE", "/v2/applications", 405, "GET, POST"),
        ("HEAD", "/v0.1/dispatch/ping", 405, "DELETE, GET"),
        ("OPTIONS", "/v0.1/dispatch", 405, "GET, POST"),
    ],
)
def test_what_no_credentials_are_needed_for(
    stack: LocalStack, method: str, path: str, status: int, allow: str | None
) -> None:
    answer = httpx.request(method, f"{stack.url}{path}")
    assert (answer.status_code, answer.headers.get("allow")) == (status, allow)
    trace = answer.headers["x-nexmo-trace-id"]
    if method == "HEAD":
        assert answer.content == b""
    elif status != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["instance"] == trace


def test_every_answer_has_a_trace_of_its_own(stack: LocalStack, application: Application) -> None:
    own = {"x-nexmo-trace-id": "from-the-client"}
    traces = set()
    for headers in ({}, {}, own):
        answer = httpx.post(
            f"{stack.url}/v0.1/messages",
            json=bodies.message("sms"),
            headers=application.authorization | headers,
        )
        assert answer.status_code == 202
        traces.add(answer.headers["x-nexmo-trace-id"])
    assert len(traces) == 3
    assert "from-the-client" in traces


def test_old_token_is_refused(stack: LocalStack, application: Application) -> None:
    client = vonage(stack, application_id=application.id, private_key=application.private_key)
    for claims, status in (({"iat": 1_500_000_000}, 401), ({"exp": 4_000_000_000}, 202), ({}, 202)):
        token = client.http_client.auth.generate_application_jwt(claims).decode()
        answer = httpx.post(
            f"{stack.url}/v0.1/messages",
            json=bodies.message("sms"),
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status_code == status, claims


STRANGERS = {
    "name that points here": {"Host": "evil.example"},
    "loopback as a prefix": {"Host": "127.0.0.1.evil.example"},
    "page on another site": {"Origin": "https://evil.example"},
    "page on another port": {"Origin": "http://127.0.0.1:3000"},
    "page from a file": {"Origin": "null"},
    "link on another site": {"Sec-Fetch-Site": "cross-site"},
}


@pytest.mark.parametrize("path", ["/health", "/sandbox/log", "/v2/applications", "/status/infobip/default"])
@pytest.mark.parametrize("headers", STRANGERS.values(), ids=STRANGERS)
def test_strangers_are_kept_out(stack: LocalStack, path: str, headers: dict[str, str]) -> None:
    answer = httpx.get(f"{stack.url}{path}", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["message"].startswith("Forbidden: ")
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [{"Host": "localhost"}, {"Host": "LOCALHOST:1"}, {"Sec-Fetch-Site": "none"}],
    ids=["localhost", "upper case", "typed in"],
)
def test_neighbours_are_let_in(stack: LocalStack, headers: dict[str, str]) -> None:
    assert httpx.get(f"{stack.url}/health", headers=headers).status_code == 200
    own = {"Origin": stack.url, "Sec-Fetch-Site": "same-origin"}
    assert httpx.get(f"{stack.url}/health", headers=own).status_code == 200


def test_forged_receipts_are_refused(stack: LocalStack) -> None:
    """Providers' callbacks are on the same port, and prove who they are from."""
    for provider, callback in (
        ("whatsapp_cloud", {"object": "whatsapp_business_account", "entry": []}),
        ("messenger", {"object": "page", "entry": []}),
        ("infobip", {"results": []}),
    ):
        answer = httpx.post(f"{stack.url}/status/{provider}/default", json=callback)
        assert (answer.status_code, answer.json()["detail"]) == (403, "Invalid signature")


def test_nothing_listens_but_on_loopback(stack: LocalStack) -> None:
    listening = {
        connection.laddr.ip
        for process in stack.processes()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
