"""The API by HTTP: one call, one answer, and every refusal as a CliError."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from switchboard_cli import __version__, keys, project
from switchboard_cli.errors import CliError, Code, Fault, usage
from switchboard_cli.settings import Settings

SECONDS = 30.0
"""How long an answer may take. A provider that is asked for verification is slow."""
TRANSPORT: httpx.BaseTransport | None = None
"""For tests."""

Body = dict[str, Any]


class Account(httpx.BasicAuth):
    """The account's key and secret."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.api_key, settings.api_secret)
        self.who = f"key {settings.api_key} of {settings.source}"


class Application(httpx.Auth):
    """An application's token, so that its webhooks are told."""

    def __init__(self, here: project.Project) -> None:
        self._here = here
        self.who = f"the application {here.app_id} of {project.FILE}"
        self.hint = "" if not here.url else f"it is of {here.url}; "

    def auth_flow(self, request: httpx.Request) -> Any:
        token = keys.token(self._here.app_id, self._here.private_key)
        request.headers["Authorization"] = f"Bearer {token}"
        yield request


class Api:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.account = Account(settings)

    def sender(self, as_account: bool) -> Account | Application:
        """By whom messages are sent: the folder's application if it has one with a key, else the account."""
        here = None if as_account else project.load()
        return Application(here) if here and here.private_key else self.account

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str | int] | None = None,
        by: Account | Application | None = None,
    ) -> Any:
        """The answer's JSON, None if it has no body."""
        return _json(self._ask(method, path, body, form, query, "application/json", by))

    def fetch(
        self, path: str, query: Mapping[str, str | int], accept: str, *, by: Account | Application
    ) -> httpx.Response:
        """The answer to a GET as it is, where it is not JSON."""
        return self._ask("GET", path, None, None, query, accept, by)

    def _ask(
        self,
        method: str,
        path: str,
        body: Any,
        form: Mapping[str, str] | None,
        query: Mapping[str, str | int] | None,
        accept: str,
        by: Account | Application | None,
    ) -> httpx.Response:
        by = by or self.account
        try:
            with httpx.Client(
                base_url=self.settings.url,
                timeout=SECONDS,
                transport=TRANSPORT,
                headers={"User-Agent": f"switchboard-cli/{__version__}", "Accept": accept},
            ) as client:
                reply = client.request(
                    method, path, json=body, data=form, params=query and dict(query), auth=by
                )
        except httpx.TimeoutException as error:
            raise CliError(
                Code.UNREACHED, f"No answer from {self.settings.url}", f"in {SECONDS:.0f} s"
            ) from error
        except httpx.TransportError as error:
            raise CliError(
                Code.UNREACHED,
                f"No connection to {self.settings.url}",
                str(error),
                _start_hint(self.settings),
            ) from error
        except httpx.InvalidURL as error:
            raise usage(f"{self.settings.url}{path} is no address", detail=str(error)) from error
        if reply.is_success:
            return reply
        raise _refusal(reply, by)


def path(*parts: str) -> str:
    """A path of parts that may have any characters."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _json(reply: httpx.Response) -> Any:
    if not reply.content:
        return None
    try:
        return reply.json()
    except ValueError as error:
        raise CliError(
            Code.UNREACHED,
            f"{reply.url.host} does not speak this API",
            f"its answer is {reply.headers.get('content-type', 'no JSON')}",
            "switchboard setup KEY SECRET --url URL names another",
        ) from error


def _refusal(reply: httpx.Response, by: Account | Application) -> CliError:
    body = _problem(reply)
    title = str(body.get("title") or body.get("error-code-label") or reply.reason_phrase or "Refused")
    found = body.get("invalid_parameters") or body.get("invalid_params") or []
    entries = found if isinstance(found, list) else [found]
    faults = [
        Fault(str(entry.get("name", "")), str(entry.get("reason", "")))
        for entry in entries
        if isinstance(entry, dict)
    ]
    code, hint = Code.REFUSED, ""
    if reply.status_code == httpx.codes.UNAUTHORIZED:
        code = Code.UNREACHED
        hint = _key_hint(by)
    elif reply.is_server_error:
        code = Code.UNREACHED
    elif reply.status_code == httpx.codes.NOT_FOUND and isinstance(by, Application):
        hint = (
            f"Looked for as {by.who}: {by.hint}--as-account looks among all applications' and the account's."
        )
    elif reply.status_code == httpx.codes.TOO_MANY_REQUESTS:
        hint = "Too fast: try again in a moment."
    detail = body.get("detail")
    if detail is None and not body:
        detail = f"{reply.request.method} {reply.request.url.path}"
    return CliError(code, title, str(detail or ""), hint, faults, reply.status_code, body)


def _problem(reply: httpx.Response) -> Body:
    try:
        body = json.loads(reply.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _key_hint(by: Account | Application) -> str:
    if isinstance(by, Account):
        return f"Called with the {by.who}. `switchboard setup KEY SECRET` keeps another."
    return (
        f"Called as {by.who}: {by.hint}`switchboard app:use ID` chooses another, --as-account uses the key."
    )


def _start_hint(settings: Settings) -> str:
    if settings.is_local:
        return "`make run` starts the local stack; `switchboard setup KEY SECRET --url URL` names another."
    return ""
