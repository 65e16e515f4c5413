"""How clients' endpoints are doing, for whoever wants to see it: of each webhook that the account and its
applications have set whether it takes events, since when, and what is wrong if it does not.

What is shown was noted as events were told (endpoints.py). The addresses that single messages bring along are
not among them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from switchboard import clock
from switchboard.callers import Caller
from switchboard.errors import NotFound
from switchboard.models.applications import Webhooks
from switchboard.models.webhooks import Endpoint, EndpointsAsked, Kind
from switchboard.store import EndpointStore, Store
from switchboard.store.endpoints import Seen
from switchboard.store.keys import ACCOUNT

_KINDS: tuple[Kind, ...] = ("status_url", "inbound_url")


@dataclass(frozen=True)
class _Set:
    """A webhook that is set."""

    application_id: str | None
    kind: Kind
    address: str

    @property
    def endpoint(self) -> tuple[str, str]:
        return self.application_id or ACCOUNT, self.address


@dataclass(frozen=True)
class Answering:
    store: Store
    endpoints: EndpointStore
    defaults: Webhooks
    """The account's webhooks by deployment, where the account has not set its own."""

    def page(self, asked: EndpointsAsked, caller: Caller) -> tuple[list[Endpoint], str | None]:
        """Those of some applications, and the place of the last one if more follow: a page can be empty and
        not be the last. The account's own come first. NotFound if an application is another's, or none."""
        only, following = caller.owner(asked.application_id), None
        if only == ACCOUNT:
            found = self._account()
        elif only:
            application = self.store.application(only)
            if application is None:
                raise NotFound(only)
            found = [*_set(only, application.webhooks)]
        else:
            applications, following = self.store.page_of_applications(asked.cursor, asked.page_size)
            first = [] if asked.cursor else self._account()
            found = [*first, *(each for one in applications for each in _set(one.id, one.webhooks))]
        seen = self.endpoints.seen((each.endpoint for each in found), clock.now())
        return [_shown(each, seen[each.endpoint]) for each in found], following

    def _account(self) -> list[_Set]:
        """As events are told (notifying.py): each kind by the account or else by the deployment."""
        found = {each.kind: each for each in _set(None, self.defaults)}
        found |= {each.kind: each for each in _set(None, self.store.account_webhooks())}
        return [found[kind] for kind in _KINDS if kind in found]


def _set(application_id: str | None, webhooks: Webhooks) -> Iterator[_Set]:
    for kind in _KINDS:
        webhook = webhooks.status_url if kind == "status_url" else webhooks.inbound_url
        if webhook and webhook.address:
            yield _Set(application_id, kind, webhook.address)


def _shown(one: _Set, seen: Seen) -> Endpoint:
    found = Endpoint(application_id=one.application_id, kind=one.kind, address=one.address)
    if seen.gone_at:
        return found.model_copy(update={"state": "gone", "since": seen.gone_at, "reason": "answered 410"})
    state = seen.state
    if state is None:
        return found
    if state.failing_since:
        since = clock.from_milliseconds(state.failing_since)
        found = found.model_copy(update={"state": "failing", "since": since, "reason": state.fault or None})
    elif state.answering_since:
        since = clock.from_milliseconds(state.answering_since)
        found = found.model_copy(update={"state": "answering", "since": since})
    if state.open_until > clock.milliseconds(clock.now()):
        until = clock.from_milliseconds(state.open_until)
        found = found.model_copy(update={"state": "left_alone", "retry_at": until})
    return found
