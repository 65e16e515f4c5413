"""Which application a sender belongs to, so that what people write to it finds its way."""

from time import monotonic

from switchboard.models.applications import Webhooks
from switchboard.models.messages import Channel
from switchboard.store import Store

_SAME = {Channel.MMS: Channel.SMS}  # one number; what is written back to it comes as SMS
_REMEMBERED = 1000
_SECONDS = 30.0
"""After which another process may have noted somebody else."""


class Senders:
    """An unregistered sender belongs to the application that sent from it last."""

    def __init__(self, store: Store, account: Webhooks) -> None:
        """`account` are the account's webhooks by deployment, where it has not set its own."""
        self._store = store
        self._account = account
        self._known: dict[tuple[Channel, str], tuple[str, float]] = {}

    def used(self, channel: Channel, sender: str, application_id: str | None) -> None:
        """Note that an application sends from this sender: one write in half a minute and process."""
        channel = _SAME.get(channel, channel)
        known, until = self._known.get((channel, sender), (None, 0.0))
        if application_id is None or (known == application_id and monotonic() < until):
            return
        self._store.put_sender(channel, sender, application_id)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[channel, sender] = application_id, monotonic() + _SECONDS

    def application(self, channel: Channel, sender: str) -> str | None:
        """The application that gets what is written to a sender; None for the account's own webhook.

        Nobody's: the newest application that wants inbound messages, unless the account has a webhook
        for them.
        """
        owner = self._store.sender_application(_SAME.get(channel, channel), sender)
        if owner and self._store.application(owner):
            return owner
        if self._account.inbound_url or self._store.account_webhooks().inbound_url:
            return None
        wanting = [
            application for application in self._store.applications() if application.webhooks.inbound_url
        ]
        return wanting[-1].id if wanting else None
