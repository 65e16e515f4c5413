"""External Accounts API: requests, answer, list.

{"external_id", "access_token", "name"?, "applications"?: [id]} makes a Messenger account; a change has any
of the last three.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import ConfigDict, Field, TypeAdapter

from switchboard.models.accounts import sender_id
from switchboard.models.faults import Faults
from switchboard.models.frozen import LAZY, Frozen, Lazy
from switchboard.models.messages import Channel

BASE = "/beta/chatapp-accounts"
CHANNELS = (Channel.MESSENGER, Channel.VIBER, Channel.WHATSAPP)
_PAGE_ID = re.compile(r"[0-9]{1,64}")


class ExternalAccount(Frozen):
    provider: Channel
    external_id: str
    name: str | None = None
    application_id: str | None = None
    access_token: str | None = None
    """Of a Messenger account."""


class MessengerRequest(Frozen):
    external_id: str
    access_token: str
    name: str | None = None
    application_id: str | None = None


class MessengerChange(Frozen):
    """What is None stays as it is."""

    name: str | None = None
    access_token: str | None = None
    applications: tuple[str, ...] | None = None
    """None or one: empty unlinks."""


class Page(Frozen):
    provider: Channel | None = None
    page_number: int = 1
    page_size: int = 20


class _Wire(Lazy):
    model_config = ConfigDict(coerce_numbers_to_str=True, extra="ignore")


_Text = Annotated[str, Field(min_length=1, max_length=100)]
_Token = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[!-~]+$")]
_Applications = Annotated[tuple[_Text, ...], Field(max_length=1)]


class _Change(_Wire):
    name: _Text | None = None
    access_token: _Token | None = None
    applications: _Applications | None = None


class _Request(_Change):
    external_id: str
    access_token: _Token


class _Link(_Wire):
    application: _Text


_REQUEST: TypeAdapter[_Request] = TypeAdapter(_Request)
_CHANGE: TypeAdapter[_Change] = TypeAdapter(_Change)
_LINK: TypeAdapter[_Link] = TypeAdapter(_Link)
_PAGE: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=1)], config=LAZY)
_PAGE_SIZE: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=1, le=100)], config=LAZY)


def messenger_request(body: object) -> MessengerRequest:
    """InvalidRequest names every fault, as in all of these."""
    faults = Faults()
    root = _root(faults, body)
    found = faults.read(_REQUEST, root, "")
    identifier = root.get("external_id")
    if isinstance(identifier, (str, int)) and not _PAGE_ID.fullmatch(str(identifier)):
        faults.add("external_id", "must be the id of a page, as in 107083064136738")
    faults.check()
    assert found  # for the type checker: no fault was found
    return MessengerRequest(
        external_id=found.external_id,
        access_token=found.access_token,
        name=found.name,
        application_id=found.applications[0] if found.applications else None,
    )


def messenger_change(body: object, external_id: str) -> MessengerChange:
    faults = Faults()
    root = _root(faults, body)
    found = faults.read(_CHANGE, root, "")
    if str(root.get("external_id", external_id)) != external_id:
        faults.add("external_id", "cannot be changed: make another account")
    faults.check()
    assert found
    return MessengerChange(name=found.name, access_token=found.access_token, applications=found.applications)


def link_request(body: object) -> str:
    """The application's id."""
    faults = Faults()
    found = faults.read(_LINK, _root(faults, body), "")
    faults.check()
    assert found
    return found.application


def page(query: dict[str, str]) -> Page:
    faults = Faults()
    provider = query.get("provider") or None
    if provider is not None and provider not in CHANNELS:
        faults.add("provider", f"must be one of: {', '.join(CHANNELS)}")
    number = faults.read(_PAGE, query.get("page_number") or 1, "page_number")
    size = faults.read(_PAGE_SIZE, query.get("page_size") or 20, "page_size")
    faults.check()
    assert number
    assert size
    return Page(provider=Channel(provider) if provider else None, page_number=number, page_size=size)


def external(provider: str, external_id: str) -> tuple[Channel, str] | None:
    """The sender that an address names; None if it can name none."""
    if provider not in CHANNELS:
        return None
    channel = Channel(provider)
    identifier = sender_id(channel, external_id)
    return (channel, identifier) if identifier else None


def answer(account: ExternalAccount, api_key: str) -> dict[str, Any]:
    return {
        "external_id": account.external_id,
        "api_key": api_key,
        "provider": account.provider.value,
        **({"name": account.name} if account.name else {}),
        "applications": [account.application_id] if account.application_id else [],
        **({"access_token": account.access_token} if account.access_token else {}),
    }


def answer_list(
    accounts: Sequence[ExternalAccount], total: int, page: Page, api_key: str, url: str
) -> dict[str, Any]:
    return {
        "page_number": page.page_number,
        "page_size": page.page_size,
        "_embedded": [answer(account, api_key) for account in accounts],
        "_links": _links(page, max(1, -(-total // page.page_size)), url),
    }


def _links(page: Page, pages: int, url: str) -> dict[str, Any]:
    numbers = {"self": page.page_number}
    if page.page_number < pages:
        numbers["next"] = page.page_number + 1
    if page.page_number > 1:
        numbers["prev"] = page.page_number - 1
    numbers |= {"first": 1, "last": pages}
    provider = {"provider": page.provider.value} if page.provider else {}
    return {
        name: {
            "href": f"{url}{BASE}?"
            + urlencode(provider | {"page_number": str(number), "page_size": str(page.page_size)})
        }
        for name, number in numbers.items()
    }


def _root(faults: Faults, body: object) -> dict[str, Any]:
    root = faults.object(body, "body", "must be a JSON object")
    faults.check()
    assert root is not None
    return root
