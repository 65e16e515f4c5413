"""Who changed what: an entry for each change that an owner, or an application, makes of what is set up.

An entry is written before its change, and completed after it. Die in between, and it says that a change may
have been made: none is hidden, though some are told of that came to nothing. What cannot be written down is
not done.

Secrets are named and never shown; of keys there are fingerprints, of addresses nothing behind the `?`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit
from uuid import uuid4

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from botocore.exceptions import BotoCoreError, ClientError

from switchboard import api, clock, logs, routes
from switchboard.errors import (
    InvalidRequest,
    NotAcceptable,
    NotFound,
    Unauthorised,
    UnsupportedMediaType,
)
from switchboard.models.audit import Asked, Change, Entry, Outcome, Value
from switchboard.models.messages import Channel
from switchboard.store import keys
from switchboard.store.audit import AuditStore

if TYPE_CHECKING:
    from switchboard.callers import Caller
    from switchboard.services import Services

State = Mapping[str, Value]
"""Fields by their dotted names."""
_BEFORE_ANYTHING = (InvalidRequest, NotFound, Unauthorised, NotAcceptable, UnsupportedMediaType)
"""Errors that are raised while nothing is changed yet."""
_NAMES = ("name", "msisdn", "external_id")
MOST, LONGEST = 100, 200
"""Changes that an entry tells, and characters of a value."""


@dataclass(frozen=True)
class Auditing:
    store: AuditStore

    def page(self, asked: Asked) -> tuple[list[Entry], str | None]:
        """The newest first, and where the next page begins."""
        return self.store.page(asked.since, asked.until, asked.cursor, asked.limit)


@dataclass(frozen=True)
class Action:
    name: str
    target: str = ""
    """Made of the path's parameters, the request's and, when it is known, the answer's."""
    state: Callable[[Services, Mapping[str, str]], State] = lambda services, about: {}
    """What is there, by the same parameters: before and after."""
    told: tuple[str, ...] = ()
    """Members of the answer that tell what was done."""
    by_owner: bool = True
    """No application may do it."""


def install(app: APIGatewayHttpResolver, services: Services) -> None:
    """Keep an entry for each request to a function's routes that changes something. Who may not do it at all
    leaves none."""

    def audited(app: APIGatewayHttpResolver, route: Callable[..., Response[Any]]) -> Response[Any]:
        event = app.current_event
        pattern, named = routes.named(event.http_method, event.path)
        action = ACTIONS.get((event.http_method, pattern))
        who = _who(services, app, action) if action else None
        if action is None or who is None:
            return route(app)
        given = _given(app) | {name: unquote(value) for name, value in named.items()}
        # Half a surrogate pair is no text, and names nothing that we have.
        about = {name: value.encode(errors="replace").decode() for name, value in given.items()}
        return _Audited(services, action, who, about).run(lambda: route(app))

    app.use(middlewares=[audited])


def _who(services: Services, app: APIGatewayHttpResolver, action: Action) -> str | None:
    """None for whom the route will refuse."""
    headers, callers = app.current_event.headers, services.callers
    # Both ways, whichever it is that the route goes by: nobody changes anything unseen by giving two keys.
    ways: tuple[Callable[[], Caller], ...] = (
        lambda: callers.identify(headers),
        lambda: callers.by_key(headers, api.parameters(app)),
    )
    for identify in ways:
        try:
            caller = identify()
        except (Unauthorised, InvalidRequest):
            continue
        if caller.application_id is None:
            scheme = (headers.get("authorization") or "").strip().partition(" ")[0].lower()
            return f"{'console' if scheme == 'console' else 'key'}:{caller.secret_id}"
        if not action.by_owner:
            return f"application:{caller.application_id}"
    return None


def _given(app: APIGatewayHttpResolver) -> dict[str, str]:
    """What the request itself says that a target is named by, and whether it has credentials."""
    try:
        body = json.loads(api.raw_body(app))
    except (ValueError, RecursionError, InvalidRequest):
        body = None
    given = body if isinstance(body, dict) else api.parameters(app)
    found = {name: value for name in _NAMES if isinstance(value := given.get(name), str)}
    return found | ({"credentials": ""} if given.get("credentials") else {})


@dataclass
class _Audited:
    services: Services
    action: Action
    who: str
    about: Mapping[str, str]

    def run(self, route: Callable[[], Response[Any]]) -> Response[Any]:
        entry = Entry(
            entry_id=uuid4().hex[:12],
            at=clock.from_milliseconds(clock.milliseconds(clock.now())),
            who=self.who,
            action=self.action.name,
            target=_filled(self.action.target, self.about),
        )
        before = self.action.state(self.services, self.about)
        store = self.services.audit_store
        store.put(entry)
        try:
            answer = route()
        except _BEFORE_ANYTHING:
            self._complete(entry, "refused")
            raise
        refused = answer.status_code >= HTTPStatus.BAD_REQUEST
        told = _told(answer)
        changes = [] if refused else [*self._changes(before, told)]
        target = _filled(self.action.target, {**self.about, **told})
        change = {"target": target, "changes": _no_more(changes)}
        self._complete(entry.model_copy(update=change), "refused" if refused else "done")
        return answer

    def _changes(self, before: State, told: Mapping[str, str]) -> Iterator[Change]:
        # What must not be cut off comes first.
        after = self.action.state(self.services, {**self.about, **told})
        if "credentials" in self.about and before.get("credentials") == after.get("credentials"):
            yield Change(name="credentials", old=before.get("credentials"), new="replaced")
        for name in self.action.told:
            if name in told:
                yield Change(name=name, new=told[name])
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                yield Change(name=name, old=before.get(name), new=after.get(name))

    def _complete(self, entry: Entry, outcome: Outcome) -> None:
        """The change is made, or is not: if this cannot be written, it stays open."""
        try:
            self.services.audit_store.put(entry.model_copy(update={"outcome": outcome}))
        except (ClientError, BotoCoreError) as error:
            logs.failure("an entry of the audit trail stays open", error, entry=entry.entry_id)


def _no_more(changes: list[Change]) -> tuple[Change, ...]:
    """Of too many the last one says how many there are besides."""
    if len(changes) <= MOST:
        return tuple(changes)
    left = len(changes) - (MOST - 1)
    return (*changes[: MOST - 1], Change(name="…", new=f"{left} more"))


def _told(answer: Response[Any]) -> dict[str, str]:
    """The answer's own words, of its first level."""
    try:
        body = json.loads(answer.body or "")
    except (ValueError, TypeError):
        return {}
    values = body.items() if isinstance(body, dict) else ()
    return {name: str(value) for name, value in values if isinstance(value, str | int) and value != ""}


def _filled(target: str, about: Mapping[str, str]) -> str:
    for name, value in about.items():
        target = target.replace(f"{{{name}}}", value)
    return "" if "{" in target else target[:LONGEST]


# --- what is there --------------------------------------------------------------------------------


def _application(services: Services, about: Mapping[str, str]) -> State:
    application_id = about.get("application_id") or about.get("id") or ""
    application = services.store.application(application_id) if application_id else None
    if application is None:
        return {}
    cap = services.spend_store.caps().by_owner.get(application_id)
    return _flat(
        {
            "name": application.name,
            "capabilities": application.capabilities,
            "keys": {"public_key": _fingerprint(application.public_key)},
            "privacy": {"improve_ai": application.improve_ai},
            "limits": {"daily_spend": None if cap is None else f"{cap:f}"},
        }
    )


def _settings(services: Services, about: Mapping[str, str]) -> State:
    webhooks = services.applications.account_webhooks()
    kinds = {"moCallBackUrl": webhooks.inbound_url, "drCallBackUrl": webhooks.status_url}
    return {name: _shown(webhook.address) for name, webhook in kinds.items() if webhook}


def _limits(services: Services, about: Mapping[str, str]) -> State:
    caps = services.spend_store.caps()
    amounts = {"daily_spend": caps.by_owner.get(keys.ACCOUNT), "assumed_price": caps.assumed}
    return {name: f"{amount:f}" for name, amount in amounts.items() if amount is not None}


def _provider_account(services: Services, about: Mapping[str, str]) -> State:
    provider, account_id = about["provider"], about["account_id"]
    accounts = services.provider_accounts
    account = accounts.store.account(provider, account_id)
    if account is None:
        return {}
    names = ", ".join(sorted(accounts.settings(provider, account_id)))
    links = accounts.links(account)
    senders = {
        f"{sender.channel}:{sender.id}": {
            "order": sender.order,
            "send_as": sender.send_as,
            "rate": f"{sender.rate.per_second}/s of {sender.rate.unit}" if sender.rate else None,
            "application": links.get((sender.channel, sender.id)),
            "state": sender.state,
        }
        for sender in account.senders
    }
    return _flat({"name": account.name, "credentials": names, "senders": senders})


def _external(services: Services, about: Mapping[str, str]) -> State:
    try:
        found = services.external_accounts.get(
            about.get("provider", "messenger"), about.get("external_id", "")
        )
    except NotFound:
        return {}
    return _flat({"name": found.name, "application": found.application_id})


def _number(services: Services, about: Mapping[str, str]) -> State:
    msisdn = about.get("msisdn", "").strip().removeprefix("+")
    item = services.account_store.sender(Channel.SMS, msisdn, consistent=True) if msisdn else None
    return {"application": item.application_id} if item and item.application_id else {}


def _flat(value: object, name: str = "") -> dict[str, Value]:
    """By dotted names, without what is None."""
    found: dict[str, Value] = {}
    if isinstance(value, Mapping):
        for key, part in value.items():
            found |= _flat(part, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            found |= _flat(part, f"{name}[{number}]")
    elif isinstance(value, str):
        found[name] = _shown(value)
    elif isinstance(value, int | float | bool):
        found[name] = value
    return found


def _shown(text: str) -> str:
    """Of an address what cannot be a secret."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return text[:LONGEST]
    if parts.scheme in ("http", "https"):
        host = parts.netloc.rpartition("@")[2]
        text = urlunsplit((parts.scheme, host, parts.path, "…" if parts.query else "", ""))
    return text[:LONGEST]


def _fingerprint(key: str | None) -> str | None:
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()[:16]}" if key else None


_SECRETS, _SIGNATURES = "/accounts/{api_key}/secrets", "/accounts/{api_key}/signature-secrets"
_ACCOUNT, _EXTERNAL = "/accounts/{provider}/{account_id}", "/beta/chatapp-accounts"
_ONE_EXTERNAL = f"{_EXTERNAL}/messenger/{{external_id}}"
_LINKS = f"{_EXTERNAL}/{{provider}}/{{external_id}}/applications"
ACTIONS: Mapping[tuple[str, str], Action] = {
    ("POST", "/v2/applications"): Action("application.created", "{id}", _application),
    ("PUT", "/v2/applications/{application_id}"): Action(
        "application.updated", "{application_id}", _application
    ),
    ("DELETE", "/v2/applications/{application_id}"): Action(
        "application.deleted", "{application_id}", _application
    ),
    ("POST", "/account/settings"): Action("account.settings_changed", state=_settings),
    ("PUT", "/account/limits"): Action("account.limits_changed", state=_limits),
    ("POST", _SECRETS): Action("api_secret.created", "{id}"),
    ("DELETE", f"{_SECRETS}/{{secret_id}}"): Action("api_secret.revoked", "{secret_id}"),
    ("POST", _SIGNATURES): Action("signature_secret.created", "{id}"),
    ("POST", f"{_SIGNATURES}/{{secret_id}}/promote"): Action("signature_secret.promoted", "{secret_id}"),
    ("DELETE", f"{_SIGNATURES}/{{secret_id}}"): Action("signature_secret.revoked", "{secret_id}"),
    ("PUT", _ACCOUNT): Action("provider_account.put", "{provider}/{account_id}", _provider_account),
    ("DELETE", _ACCOUNT): Action("provider_account.deleted", "{provider}/{account_id}", _provider_account),
    ("POST", f"{_ACCOUNT}/verify"): Action(
        "provider_account.verified", "{provider}/{account_id}", _provider_account
    ),
    ("POST", "/v0.1/templates"): Action("template.created", "{name}", by_owner=False),
    ("DELETE", "/v0.1/templates/{name}"): Action("template.deleted", "{name}", by_owner=False),
    ("POST", f"{_EXTERNAL}/messenger"): Action(
        "sender.created", "messenger/{external_id}", _external, by_owner=False
    ),
    ("PATCH", _ONE_EXTERNAL): Action("sender.updated", "messenger/{external_id}", _external, by_owner=False),
    ("DELETE", _ONE_EXTERNAL): Action("sender.deleted", "messenger/{external_id}", _external, by_owner=False),
    ("POST", _LINKS): Action("sender.linked", "{provider}/{external_id}", _external, by_owner=False),
    ("DELETE", f"{_LINKS}/{{application_id}}"): Action(
        "sender.unlinked", "{provider}/{external_id}", _external, by_owner=False
    ),
    ("POST", "/number/update"): Action("number.updated", "{msisdn}", _number),
    ("POST", "/v0.1/redact"): Action("redaction.begun", "{redaction_id}", by_owner=False),
    ("POST", "/v0.1/webhooks/replay"): Action("webhooks.replayed", told=("replayed",), by_owner=False),
}
"""By method and route: everything that changes what is set up, or erases."""
