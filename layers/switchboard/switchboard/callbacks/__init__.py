"""The bodies that clients receive, in the version that they want."""

from collections.abc import Mapping
from typing import Protocol

from switchboard.callbacks import v01, v1
from switchboard.callbacks.v01 import Body, dispatch, report, total
from switchboard.models.events import Usage
from switchboard.models.messages import Status, Version
from switchboard.store.items import InboundItem, MessageItem

__all__ = ["FORMS", "Body", "Form", "dispatch", "report", "total"]


class Form(Protocol):
    """One version's."""

    def status(self, item: MessageItem, reached: Status, usage: Usage | None) -> Body: ...

    def message(self, item: MessageItem, usage: Usage | None) -> Body: ...

    def inbound(self, item: InboundItem, media_url: str) -> Body: ...


FORMS: Mapping[Version, Form] = {"v0.1": v01, "v1": v1}
