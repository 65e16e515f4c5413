"""The fake AWS of this process for other processes: what comes to a port on loopback is handed to moto. It is
also the provider and the client of those processes, and takes everything."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.botocore_stubber import BotocoreStubber

from tests.support import payloads

_SERVICES = {
    "DynamoDB_20120810": "dynamodb",
    "AmazonSQS": "sqs",
    "AWSStepFunctions": "states",
    "secretsmanager": "secretsmanager",
    "AWSEvents": "events",
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = self.headers.get("X-Amz-Target", "")
        if target:
            status, headers, content = _aws(_SERVICES[target.partition(".")[0]], dict(self.headers), body)
        elif self.path.startswith("/client"):
            status, headers, content = 200, {}, ""
        else:
            answer = payloads.accepts_all(httpx.Request("POST", "https://provider.example", content=body))
            status, headers, content = 200, {"Content-Type": "application/json"}, answer.text
        data = content.encode() if isinstance(content, str) else content
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "server", "date"):
                self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _aws(service: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any], str | bytes]:
    found = HTTPHeaders()
    for name, value in headers.items():
        if name.lower() != "host":
            found[name] = value
    url = f"https://{service}.us-east-1.amazonaws.com/"
    request = AWSPreparedRequest("POST", url, found, body, stream_output=False)
    answer = BotocoreStubber().process_request(request)
    assert answer is not None, service
    status, answered, content = answer
    if isinstance(content, dict | list):
        content = json.dumps(content)
    return int(status), dict(answered), content


@contextmanager
def serving() -> Iterator[str]:
    """Its address, while it is there. Within mock_aws."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
