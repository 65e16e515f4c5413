"""/console: the pages as `make console` built them, and their session. What they show comes from the API."""

import gzip
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.shared.cookies import Cookie, SameSite
from aws_lambda_powertools.utilities.typing import LambdaContext

from switchboard import api, problems
from switchboard.console import PASS_SECONDS, SESSION_SECONDS, Session, Sessions
from switchboard.errors import Fault, Forbidden, InvalidRequest, NotFound
from switchboard.services import Services
from switchboard.settings import Settings

STATIC = Path(__file__).parent / "static"
COOKIE, PATH = "switchboard_console", "/console/session"
LONGEST = 200
_DIGITS = re.compile("[0-9]{1,9}")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
SECURITY = {
    # Scripts and styles of our own files only, and nothing from anywhere else.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
MISSING = "The console is not built. `make console` builds it, from the sources in console/.\n"

logger = Logger()
services = Services(Settings.from_environment())
sessions = Sessions(services.api_secrets)
app = APIGatewayHttpResolver()
problems.install(app, problems.accounts)


@app.get("/console")
@app.get("/console/")
def page() -> Response[Any]:
    return _file("index.html", "no-cache")


@app.get("/console/assets/<name>")
def asset(name: str) -> Response[Any]:
    """Their names follow from what is in them."""
    return _file(f"assets/{name}", "public, max-age=31536000, immutable")


@app.post(PATH)
def sign_in() -> Response[str]:
    """{"api_key", "api_secret"}: a cookie, and a first pass."""
    _ours()
    body = api.json_body(app)
    given = body if isinstance(body, dict) else {}
    faults = [
        Fault(name, "must be a string")
        for name in ("api_key", "api_secret")
        if not isinstance(given.get(name), str) or len(given[name]) > LONGEST
    ]
    if faults:
        raise InvalidRequest(*faults)
    return _let_in(sessions.sign_in(given["api_key"], given["api_secret"]))


@app.get(PATH)
def renew() -> Response[str]:
    """By the cookie: another pass, and the session lives on from when somebody was last at work, `idle`
    seconds ago. 204 if there is none."""
    _ours()
    idle = _idle()
    given = _cookies().get(COOKIE)
    if not given:
        return Response(status_code=204, headers={"Cache-Control": "no-store"})
    return _let_in(sessions.read(given, "session"), idle)


@app.delete(PATH)
def sign_out() -> Response[str]:
    """The browser forgets its cookie. A pass that somebody copied lives on for minutes."""
    _ours()
    return Response(status_code=204, cookies=[_cookie("", 0)], headers={"Cache-Control": "no-store"})


def _idle() -> int:
    given = (app.current_event.query_string_parameters or {}).get("idle", "0")
    if not _DIGITS.fullmatch(given):
        raise InvalidRequest(Fault("idle", "must be a whole number of seconds"))
    return int(given)


def _cookies() -> dict[str, str]:
    """The gateway takes them out of the headers; not every emulator does."""
    event = app.current_event
    given = [*event.cookies, *event.headers.get("cookie", "").split(";")]
    return {name.strip(): value for name, _, value in (cookie.partition("=") for cookie in given)}


def _ours() -> None:
    """No other site's pages come here, not even to sign somebody in: browsers say whose a request is."""
    site = app.current_event.headers.get("sec-fetch-site", "none")
    if site not in ("none", "same-origin"):
        raise Forbidden("requests from other web pages are refused")


def _let_in(session: Session, idle: int = 0) -> Response[str]:
    text = sessions.text(session, "session", idle)
    answer = api.answer(200, {"pass": sessions.text(session, "pass"), "seconds": PASS_SECONDS})
    answer.headers["Cache-Control"] = "no-store"
    answer.cookies.append(_cookie(text, SESSION_SECONDS - idle))
    return answer


def _cookie(value: str, seconds: int) -> Cookie:
    host = app.current_event.headers.get("host", "").rpartition(":")[0]
    return Cookie(
        COOKIE,
        value,
        path=PATH,
        secure=host not in ("127.0.0.1", "localhost", "[::1]"),  # where there is no TLS
        http_only=True,
        same_site=SameSite.STRICT_MODE,
        max_age=seconds,
    )


def _file(name: str, caching: str) -> Response[Any]:
    found = _read(name)
    if found is None:
        if name == "index.html":
            return Response(503, "text/plain; charset=utf-8", MISSING, headers=dict(SECURITY))
        raise NotFound(name)
    plain, packed = found
    headers = SECURITY | {"Cache-Control": caching, "Vary": "Accept-Encoding"}
    if "gzip" in app.current_event.headers.get("accept-encoding", ""):
        plain, headers = packed, headers | {"Content-Encoding": "gzip"}
    return Response(200, TYPES.get(Path(name).suffix, "application/octet-stream"), plain, headers=headers)


@lru_cache
def _files() -> dict[str, Path]:
    """A request names one of these, and no path."""
    return {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.is_file()}


@lru_cache
def _read(name: str) -> tuple[bytes, bytes] | None:
    """A file, and packed."""
    path = _files().get(name)
    if path is None:
        return None
    content = path.read_bytes()
    return content, gzip.compress(content, 9)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
