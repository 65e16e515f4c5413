"""An execution environment of Lambda under AWS's own runtime client.

It takes the place of sandbox/worker.py, speaks as that does, and is run as a script as that is. In between is
Lambda's runtime API (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html): a process of
`awslambdaric` fetches its invocations from us and posts what comes of them. Nothing of the project's
environment is on its path, only the standard library, the built function and layers, and awslambdaric.
"""

import json
import os
import queue
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

INVOCATION = "/2018-06-01/runtime/invocation/"
INIT_ERROR = "/2018-06-01/runtime/init/error"


class RuntimeApi(ThreadingHTTPServer):
    """For one environment; `call` is an invocation."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self.replies: queue.Queue[dict[str, Any]] = queue.Queue()
        self.is_ready = False

    def fetched(self) -> dict[str, Any]:
        """The next invocation, for the runtime client that asks for it."""
        if not self.is_ready:
            self.is_ready = True
            self.replies.put({"ready": True})
        return self.events.get()

    def call(self, message: dict[str, Any]) -> dict[str, Any]:
        self.events.put(message)
        return self.replies.get()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RuntimeApi

    def do_GET(self) -> None:
        assert self.path == f"{INVOCATION}next", self.path
        message = self.server.fetched()
        context = message["context"]
        body = json.dumps(message["event"]).encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", context["aws_request_id"])
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(context["deadline"] * 1000)))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", context["invoked_function_arn"])
        self.send_header("Lambda-Runtime-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0")
        self._finish(body)

    def do_POST(self) -> None:
        posted = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.startswith(INVOCATION) and self.path.endswith("/response"):
            self.server.replies.put({"result": posted})
        else:
            assert self.path == INIT_ERROR or self.path.endswith("/error"), self.path
            self.server.replies.put({"raised": {"stackTrace": [], **posted}})
        self.send_response(202)
        self._finish(b"")

    def _finish(self, body: bytes) -> None:
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def main() -> None:
    replies = os.fdopen(os.dup(1), "w")
    api = RuntimeApi()
    threading.Thread(target=api.serve_forever, daemon=True).start()
    start = json.loads(sys.stdin.readline())
    client = os.environ.pop("REHEARSAL_RUNTIME_CLIENT")
    runtime = subprocess.Popen(
        # -S leaves out the packages that are installed for this interpreter.
        [sys.executable, "-S", "-m", "awslambdaric", start["handler"]],
        env={
            **os.environ,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_address[1]}",
            "PYTHONPATH": os.pathsep.join([*start["paths"], client]),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        stdin=subprocess.DEVNULL,
        stdout=2,
    )

    def ended() -> None:
        message = f"it ended with {runtime.wait()}"
        api.replies.put(
            {"raised": {"errorType": "Runtime.ExitError", "errorMessage": message, "stackTrace": []}}
        )

    threading.Thread(target=ended, daemon=True).start()
    reply = api.replies.get()
    while True:
        replies.write(json.dumps(reply) + "\n")
        replies.flush()
        line = sys.stdin.readline()
        if not line:
            break
        reply = api.call(json.loads(line))
    runtime.kill()
    os._exit(0)


if __name__ == "__main__":
    main()
