"""Calls the client's webhooks, and publishes the same on the bus where that is switched on.

A queue entry is honoured only if what it announces was written under its name (transitions.py); what is
sent is rendered from the table at that moment. One event has one id, however often it is tried.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from time import sleep
from typing import Any, Literal

from switchboard import callbacks, clock, logs, measures
from switchboard.account_secrets import Signing, Unsigned
from switchboard.bus import Bus, NotTaken
from switchboard.endpoints import Endpoints, NotNow
from switchboard.errors import Rejected, SendError
from switchboard.media import Media as Keeper
from switchboard.media import refusal
from switchboard.models.applications import Application, Webhook, Webhooks
from switchboard.models.messages import InboundMedia, Status, Version
from switchboard.outgoing import Answer, NoAnswer, Outgoing, Refused
from switchboard.queues import NEWS, InboundNews, Later, News, NewsQueue, Record, ReportNews, StatusNews
from switchboard.remembered import Remembered
from switchboard.reporting import Reporting
from switchboard.store import KEPT, DispatchItem, FailedEvent, FailedStore, InboundItem, MessageItem, Store
from switchboard.store.keys import ACCOUNT

LONGEST_PAUSE = 900
FIRST_PAUSE = 5
LONGEST_TURN = 120
"""Seconds that an event is put off at most because another worker has its endpoint."""
PATIENCE = timedelta(hours=24)
"""What a client has not taken by then is put aside (store/failed.py)."""
OWN_PACE = 20
"""Attempts up to which a client may have its events back sooner than we would try."""
LAST_RECEIVE = 950
"""Near the end of what the queue allows (template.yaml)."""
DETAIL_TYPES = {"status": "Message Status", "inbound": "Inbound Message", "report": "Dispatch Report"}
"""Of events on the bus, by the kind of news."""
MEDIA_PATIENCE = timedelta(minutes=10)
_UNWRITTEN_LOOKS = 6
_UNWRITTEN_SECONDS = 0.05
_UNWRITTEN_UNTIL = timedelta(seconds=75)
"""Longer than any function of ours can live: what is not written by then never will be."""


@dataclass(frozen=True)
class Event:
    """One webhook to be sent."""

    id: str
    kind: Literal["status_url", "inbound_url"]
    application_id: str | None
    body: dict[str, Any]
    news: News
    """The entry that tells of this event and of no other."""
    url: str | None = None
    """In place of the application's or account's."""

    @property
    def owner(self) -> str:
        return self.application_id or ACCOUNT


@dataclass(frozen=True)
class Notifying:
    store: Store
    webhooks: NewsQueue
    reporting: Reporting
    outgoing: Outgoing
    endpoints: Endpoints
    failed: FailedStore
    applications: Remembered[Application]
    account: Remembered[Webhooks]
    """The account's own webhooks, by ACCOUNT."""
    defaults: Webhooks
    """The account's webhooks by deployment, where the account has not set its own."""
    media: Keeper
    public_url: str
    bus: Bus
    signing: Signing

    def handle(self, record: Record) -> None:
        """Send what one record of the Webhooks queue announces. Later if the client did not take it."""
        news = NEWS.validate_json(record.body)
        match news:
            case StatusNews():
                self._statuses(news, record)
            case InboundNews():
                self._inbound(news, record)
            case ReportNews():
                self._report(news, record)

    # --- what was announced ----------------------------------------------------------------------

    def _statuses(self, news: StatusNews, record: Record) -> None:
        """One write can bring several statuses (`read` implies `delivered`): they go out in order."""
        item = self._written(news, record)
        if item is None:
            return
        choice = item.message.callback
        mine = [status for status in Status if _is_named(item, status, news.by)]
        sent = list(news.sent)
        for status in mine:
            if status in sent:
                continue
            form = callbacks.FORMS[self._version(item)]
            body = form.status(item, status, self.reporting.prices.at(item, status))
            alone = news.model_copy(update={"sent": tuple(each for each in mine if each is not status)})
            id_ = f"{item.uuid}:{status}"
            event = Event(id_, "status_url", item.application_id, body, alone, choice.url)
            try:
                self._send(event, record)
            except Later:
                if len(sent) == len(news.sent):
                    raise
                rest = {"sent": tuple(sent), "since": _since(news, record)}
                self.webhooks.put(news.model_copy(update=rest))
                return
            sent.append(status)

    def _written(self, news: StatusNews, record: Record) -> MessageItem | None:
        """The message, if this entry's status was written under its name; None if the entry is void."""
        for item in self._looks(news.message_uuid):
            if not isinstance(item, MessageItem):
                return None
            # Both hold for good: a name stays where it was written, and ranks only grow.
            if any(status.by == news.by for status in item.statuses.values()):
                return item
            if item.status.rank >= news.status.after:
                return None
        _wait_for_writer(record)
        return None

    def _looks(self, message_uuid: str) -> Iterator[MessageItem | InboundItem | None]:
        """What the table has, looked at a few times: a writer is milliseconds behind its queue entry.

        The first look costs half and can be at the past, where there may be no item yet.
        """
        for look in range(_UNWRITTEN_LOOKS):
            if look:
                sleep(_UNWRITTEN_SECONDS)
            found = self.store.message(message_uuid, consistent=look > 0)
            if found or look:
                yield found

    def _inbound(self, news: InboundNews, record: Record) -> None:
        item = next((item for item in self._looks(news.message_uuid) if item is not None), None)
        if item is None:
            _wait_for_writer(record)
        elif isinstance(item, InboundItem) and item.by == news.by:
            item = self._with_media(item, news, record)
            form = callbacks.FORMS[self._said_version(item.application_id) or "v0.1"]
            body = form.inbound(item, f"{self.public_url}/v0.1/media/{item.message_uuid}")
            self._send(Event(item.message_uuid, "inbound_url", item.application_id, body, news), record)

    def _with_media(self, item: InboundItem, news: InboundNews, record: Record) -> InboundItem:
        """What a person sent, fetched at once: the provider's link lapses. Later while its host has trouble,
        for a while; then the message goes out without."""
        if item.media or not item.provider or not isinstance(item.content, InboundMedia):
            return item
        if news.via == "bus":  # the entry of the webhook has it fetched
            raise Later(pause(record.receives))
        media = KEPT
        try:
            self.media.keep(item)
        except SendError as error:
            if not isinstance(error, Rejected) and clock.now() < record.queued_at + MEDIA_PATIENCE:
                raise Later(pause(record.receives)) from error
            media = str(refusal(error))
        self.store.note_media(item.message_uuid, media)
        return item.model_copy(update={"media": media})

    def _report(self, news: ReportNews, record: Record) -> None:
        closed = self.reporting.close(news.dispatch_uuid, by=news.by or record.id)
        if closed is None or not _is_told(closed[0]):
            return
        if len(self.webhooks.ways) > 1 and not news.by:
            # From here on by an entry for each way. Die after this, and both tell of the same closing twice.
            self.webhooks.announce(news.model_copy(update={"by": record.id}))
            return
        dispatch, body = closed
        named = news.model_copy(update={"by": news.by or record.id})
        id_ = f"{dispatch.dispatch_uuid}:report"
        self._send(Event(id_, "status_url", dispatch.application_id, body, named), record)

    # --- in which form ----------------------------------------------------------------------------

    def _version(self, item: MessageItem) -> Version:
        """The message's own word, the application's, or as the message was sent."""
        choice = item.message.callback
        return choice.version or self._said_version(item.application_id) or choice.default

    def _said_version(self, application_id: str | None) -> Version | None:
        """None where nobody said."""
        return next((level.version for level in self._levels(application_id) if level.version), None)

    # --- sending it ------------------------------------------------------------------------------

    def _send(self, event: Event, record: Record) -> None:
        if event.news.via == "webhook":
            self._post(event, record)
            return
        about = [f"event/{event.id}"]
        if event.application_id:
            about.append(f"application/{event.application_id}")
        try:
            self.bus.publish(DETAIL_TYPES[event.news.kind], event.body, *about)
        except NotTaken as error:
            raise Later(pause(record.receives)) from error

    def _post(self, event: Event, record: Record) -> None:
        """Have one webhook taken, or put aside. Later if neither yet."""
        webhook = self._webhook(event)
        if webhook is None:
            return
        url = webhook.address
        if self.endpoints.is_gone(event.owner, url):
            self._put_aside(event, record, "disabled: it answered 410 before")
            return
        body = _bytes(event.body)
        try:
            signed = self.signing.headers(body, event.id, event.application_id)
        except Unsigned as error:
            logs.failure("webhook that cannot be signed", error.__cause__ or error, event_id=event.id)
            self._again(event, record, pause(record.receives), "could not be signed")
            return
        headers = {"Content-Type": "application/json", "Switchboard-Event-Id": event.id, **signed}
        try:
            answer = self._call(event.owner, url, body, headers)
        except Refused as refused:
            self._put_aside(event, record, _not_called(refused))
        except NotNow as busy:
            reason = "left alone, as it did not answer" if busy.left_alone else "its turn did not come"
            self._again(event, record, _turn(busy, record), reason)
        except NoAnswer as nothing:
            measures.count(measures.WEBHOOK_FAILURES)
            self._again(event, record, pause(record.receives), str(nothing))
        else:
            self._answered(event, record, url, answer)

    def _call(self, owner: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        with self.endpoints.turn(owner, url) as turn:
            try:
                answer = self.outgoing.post(url, body, headers)
            except Refused as refused:
                turn.answered(_not_called(refused))
                raise
            except NoAnswer as nothing:
                turn.failed(str(nothing))
                raise
            turn.answered(_fault(answer))
            return answer

    def _answered(self, event: Event, record: Record, url: str, answer: Answer) -> None:
        reason = _fault(answer)
        if reason is None:
            return
        measures.count(measures.WEBHOOK_FAILURES)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= 500:
            self._again(event, record, _asked(answer, record), reason)
            return
        if answer.status == HTTPStatus.GONE:
            self.endpoints.gone(event.owner, url)
        self._put_aside(event, record, reason)

    def _again(self, event: Event, record: Record, seconds: float, reason: str) -> None:
        """Later, while there is time. The last attempt is made when the time is over."""
        left = (record.queued_at + PATIENCE - clock.now()).total_seconds()
        if left < 1 or record.receives >= LAST_RECEIVE:
            self._put_aside(event, record, reason)
            return
        raise Later(min(seconds, left))

    def _put_aside(self, event: Event, record: Record, reason: str) -> None:
        """Keep what was not taken, to be replayed. Done twice it is kept once."""
        measures.count(measures.WEBHOOKS_PUT_ASIDE)
        logs.logger.warning("webhook put aside", event_id=event.id, reason=reason)
        since = _since(event.news, record)
        self.failed.put(
            FailedEvent(
                event_id=event.id,
                application_id=event.application_id,
                news=event.news.model_copy(update={"since": since}),
                occurred_at=clock.from_milliseconds(since),
                failed_at=clock.now(),
                attempts=record.receives,
                reason=reason,
            )
        )

    def _webhook(self, event: Event) -> Webhook | None:
        """The event's own, the application's, or for requests by key and secret the account's; None if there
        is none."""
        if event.url:
            return Webhook(address=event.url)
        for webhooks in self._levels(event.application_id):
            found: Webhook | None = getattr(webhooks, event.kind)
            if found and found.address:
                return found
        return None

    def _levels(self, application_id: str | None) -> Iterator[Webhooks]:
        if application_id is not None:
            application = self.applications.get(application_id)
            if application:
                yield application.webhooks
            return
        yield self.account.get(ACCOUNT) or Webhooks()
        yield self.defaults


def _wait_for_writer(record: Record) -> None:
    """Later, while whoever queued this entry can still be about to write what it announces."""
    if clock.now() < record.queued_at + _UNWRITTEN_UNTIL:
        raise Later(min(record.receives, 10))


def _is_named(item: MessageItem, status: Status, by: str) -> bool:
    return status in item.statuses and item.statuses[status].by == by


def _bytes(body: dict[str, Any]) -> bytes:
    """As JSON.stringify writes it: some receivers sign what they parsed, written anew."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode(errors="backslashreplace")  # half a surrogate pair, as \udXXX


def _since(news: News, record: Record) -> int:
    """When what an entry tells of was queued first, in ms."""
    return news.since or clock.milliseconds(record.queued_at)


def _fault(answer: Answer) -> str | None:
    """Why an answer does not take an event; None if it does."""
    return None if 200 <= answer.status < 300 else f"answered {answer.status}"


def _not_called(refused: Refused) -> str:
    return f"not called: it {refused}"


def _asked(answer: Answer, record: Record) -> float:
    """Seconds to the next attempt, by the client or by us; after many attempts not less than by us."""
    ours = pause(record.receives)
    if answer.retry_after is None:
        return ours
    theirs = max(1.0, answer.retry_after)
    return theirs if record.receives <= OWN_PACE else max(theirs, ours)


def _is_told(dispatch: DispatchItem) -> bool:
    """A plain failover ends without a word, as its messages have told of it; unless none was ever begun."""
    return dispatch.reports or (dispatch.step < 0 and not dispatch.cancelled_at)


def _turn(busy: NotNow, record: Record) -> float:
    """Seconds until an endpoint may be free."""
    ours: float = pause(record.receives)
    if busy.left_alone:
        return max(busy.left_alone, ours)
    # Who held it last may have died over it.
    if record.receives <= OWN_PACE:
        ours = min(ours, max(FIRST_PAUSE, busy.held + 1))
    return min(ours, LONGEST_TURN)


def pause(receives: int) -> int:
    """Seconds to the next attempt: 5 doubling to 15 minutes, then each 15 minutes."""
    return int(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(receives - 1, 20)))
