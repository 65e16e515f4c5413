"""webhooks:listen: a receiver for trying things out."""

import json
import queue
import signal
import threading
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated, Any

import httpx
import typer
from rich.syntax import Syntax
from rich.text import Text

from switchboard_cli import client, session, signatures
from switchboard_cli.errors import Code, usage
from switchboard_cli.following import error_text, price
from switchboard_cli.output import Output, coloured, out, plain, text
from switchboard_cli.session import AsJson
from switchboard_cli.settings import checked_url

LONGEST_BODY = 1024 * 1024
"""Bytes. No webhook of ours is near it."""
_FORWARD_SECONDS = 10.0
_NOT_PASSED_ON = ("host", "connection", "content-length", "transfer-encoding", "accept-encoding")


@dataclass(frozen=True)
class Hook:
    """One webhook, as it came."""

    method: str
    path: str
    headers: dict[str, str]
    """By names in lower case."""
    body: bytes
    verdict: signatures.Verdict
    forwarded: int | str | None
    """The status of the program that it was passed on to, or why there is none."""
    answered: threading.Event = field(default_factory=threading.Event)

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Receiver(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, secrets: list[str], forward: str | None) -> None:
        self.secrets, self.forward = secrets, forward
        self.hooks: queue.Queue[Hook] = queue.Queue()
        super().__init__((host, port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: Receiver

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > LONGEST_BODY:
            self.close_connection = True
            self._answer(413 if length.isdecimal() else 411)
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        verdict = signatures.judge(headers, body, self.server.secrets)
        forwarded = _forward(self.server.forward, self.path, headers, body) if self.server.forward else None
        hook = Hook(self.command, self.path, headers, body, verdict, forwarded)
        self.server.hooks.put(hook)
        # What the program behind us did not take comes again, as it would without us.
        self._answer(200 if forwarded is None else forwarded if isinstance(forwarded, int) else 502)
        hook.answered.set()

    do_PUT = do_POST

    def do_GET(self) -> None:
        self._answer(200)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def listen(
    context: typer.Context,
    port: Annotated[
        int, typer.Option("--port", "-p", help="0 takes a free one.", min=0, max=65_535, metavar="PORT")
    ] = 3000,
    host: Annotated[str, typer.Option("--host", help="Where to listen.", metavar="HOST")] = "127.0.0.1",
    secrets: Annotated[
        list[str] | None,
        typer.Option(
            "--secret",
            help="The account's signature secret (also whsec_...). Again while it is being rotated. "
            "Default: SWITCHBOARD_SIGNATURE_SECRET, or what `setup` kept.",
            metavar="SECRET",
        ),
    ] = None,
    forward: Annotated[
        str | None, typer.Option("--forward", help="Pass each on to your program.", metavar="URL")
    ] = None,
    once: Annotated[
        bool,
        typer.Option(
            "--once",
            help="End after the first. Ends with 1 if its signature is bad.",
            show_default=False,
            metavar="",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Receive webhooks on this machine, check their signatures, and show them.

    With --json each is one line of JSON. Ctrl-C ends it.
    """
    here = session.of(context)
    known = secrets or ([here.settings.signature_secret] if here.settings.signature_secret else [])
    try:
        receiver = Receiver(host, port, known, checked_url(forward) if forward else None)
    except OSError as error:
        raise usage(
            f"Cannot listen at {host}:{port}", "--port names another", error.strerror or str(error)
        ) from error
    address = f"http://{f'[{host}]' if ':' in host else host}:{receiver.server_address[1]}"
    threading.Thread(target=receiver.serve_forever, args=(0.1,), daemon=True).start()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):  # what has come is shown before we go
        signal.signal(number, lambda *_: stopped.set())
    here.output.note(
        f"Listening at {address}. Any path will do: {address}/status, {address}/inbound. Ctrl-C ends it."
    )
    if not known:
        here.output.note("Without --secret signatures are seen, but not checked.")
    while (hook := _next(receiver.hooks, stopped)) is not None:
        _show(here.output, hook)
        if once:
            hook.answered.wait(_FORWARD_SECONDS)
            break
    receiver.shutdown()
    receiver.server_close()
    if once and hook and hook.verdict.kind == "bad signature":
        raise typer.Exit(Code.REFUSED)


def _next(hooks: queue.Queue[Hook], stopped: threading.Event) -> Hook | None:
    """None when there is none left and we were told to stop."""
    while True:
        try:
            return hooks.get(timeout=0.2)
        except queue.Empty:
            if stopped.is_set():
                return None


def _forward(address: str, path: str, headers: dict[str, str], body: bytes) -> int | str:
    kept = {name: value for name, value in headers.items() if name not in _NOT_PASSED_ON}
    url = address if httpx.URL(address).path not in ("", "/") else address.rstrip("/") + path
    try:
        with httpx.Client(timeout=_FORWARD_SECONDS, transport=client.TRANSPORT) as http:
            return http.post(url, content=body, headers=kept).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return str(error) or type(error).__name__


def _show(output: Output, hook: Hook) -> None:
    if output.as_json:
        shown = {
            "path": hook.path,
            "signature": hook.verdict.kind,
            "signature_detail": hook.verdict.detail,
            **({"forwarded": hook.forwarded} if hook.forwarded is not None else {}),
            "body": hook.json if hook.json is not None else hook.body.decode(errors="replace"),
        }
        print(json.dumps(shown), flush=True)
        return
    console = out()
    summary = _summary(hook.json)
    line = text(f"{datetime.now():%H:%M:%S} ", "dim") + text(hook.path, "bold")
    line += text(" " if summary.plain else "") + summary + text("  ") + coloured(hook.verdict.kind)
    if hook.verdict.detail:
        line += text(f" ({hook.verdict.detail})", "dim")
    console.print(line, soft_wrap=True)
    if hook.json is None:
        console.print(text(hook.body.decode(errors="replace")), soft_wrap=True)
    else:
        pretty = plain(json.dumps(hook.json, indent=2, ensure_ascii=False))
        console.print(
            Syntax(pretty, "json", background_color="default", word_wrap=True)
            if console.is_terminal
            else text(pretty),
            soft_wrap=True,
        )
    if hook.forwarded is not None:
        is_taken = isinstance(hook.forwarded, int) and hook.forwarded < 300
        console.print(text(f"→ forwarded: {hook.forwarded}", "green" if is_taken else "red"), soft_wrap=True)
    console.print()


def _summary(body: Any) -> Text:
    """What it is about, in a few words."""
    if not isinstance(body, dict):
        return text("no JSON object", "yellow")
    status = body.get("status")
    if "template" in body and "dispatch_uuid" in body:
        return text("report ") + coloured(status) + text(f" {price(body.get('usage'))}".rstrip(), "dim")
    to = body.get("to")
    channel = body.get("channel") or (to.get("type") if isinstance(to, dict) else "")
    if status:
        found = text(f"{channel} ") + coloured(status)
        if isinstance(body.get("error"), dict):
            found += text(f" {error_text(body['error'])}", "red")
        return found + text(f" {price(body.get('usage'))}".rstrip(), "dim")
    if "message_uuid" in body:
        return text(f"{channel} ") + coloured("inbound")
    return Text("")


def add_to(app: typer.Typer) -> None:
    app.command("webhooks:listen", rich_help_panel="Messages and dispatches")(listen)
