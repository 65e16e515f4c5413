"""Application API v2: what we keep of an application, and how it is answered and listed."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import Field

from switchboard.models.frozen import Frozen
from switchboard.models.messages import Version


class Webhook(Frozen):
    address: str
    http_method: str = "POST"


class Webhooks(Frozen):
    """Where the client wants to be called, and in which form: an application's own, or the account's."""

    inbound_url: Webhook | None = None
    status_url: Webhook | None = None
    version: Version | None = None


class Application(Frozen):
    """`capabilities` keeps what the client sent, so that fields of other products survive a round trip."""

    id: str
    name: str
    public_key: str | None = None
    capabilities: dict[str, Any] = Field(default_factory=dict)
    improve_ai: bool = True
    created_at: str

    @property
    def webhooks(self) -> Webhooks:
        return _webhooks(self.capabilities)


class ApplicationRequest(Frozen):
    name: str
    capabilities: dict[str, Any] = Field(default_factory=dict)
    public_key: str | None = None
    improve_ai: bool = True
    daily_spend: Decimal | None = None
    """What may be spent on a day, if `limits`; None for any amount."""
    limits: bool = False
    """The request says what the limit is. One that does not leaves it as it is: old clients replace the whole
    application and know no limits."""

    @property
    def webhooks(self) -> Webhooks:
        return _webhooks(self.capabilities)


def _webhooks(capabilities: dict[str, Any]) -> Webhooks:
    messages = capabilities.get("messages") or {}
    webhooks = messages.get("webhooks") or {}
    return Webhooks.model_validate({**webhooks, "version": messages.get("version")})


class Page(Frozen):
    page: int = 1
    page_size: int = 10


def answer(
    application: Application,
    private_key: str | None = None,
    daily_spend: Decimal | None = None,
    about_limits: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """An application as clients see it. The private key is in the answer that made it and nowhere else, and
    limits (ours) are where there is one, with what else is to be told of them."""
    keys = {"public_key": application.public_key}
    if private_key:
        keys["private_key"] = private_key
    return {
        "id": application.id,
        "name": application.name,
        "capabilities": application.capabilities,
        "keys": keys,
        "privacy": {"improve_ai": application.improve_ai},
        **(
            {}
            if daily_spend is None
            else {"limits": {"daily_spend": f"{daily_spend:f}", **(about_limits or {})}}
        ),
    }


def answer_list(
    applications: list[Application], total: int, page: Page, caps: Mapping[str, Decimal]
) -> dict[str, Any]:
    """With `_links`, which the newer clients insist on and the older ones do not look at."""
    pages = max(1, -(-total // page.page_size))
    return {
        "page_size": page.page_size,
        "page": page.page,
        "total_items": total,
        "total_pages": pages,
        "_embedded": {
            "applications": [
                answer(application, daily_spend=caps.get(application.id)) for application in applications
            ]
        },
        "_links": _links(page, pages),
    }


def _links(page: Page, pages: int) -> dict[str, Any]:
    numbers = {"self": page.page, "first": 1, "last": pages}
    if page.page > 1:
        numbers["prev"] = page.page - 1
    if page.page < pages:
        numbers["next"] = page.page + 1
    return {
        name: {"href": f"/v2/applications?page={number}&page_size={page.page_size}"}
        for name, number in numbers.items()
    }
