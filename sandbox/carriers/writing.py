"""What somebody can send to one of our senders from a handset."""

import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

NUMBERED = ("sms", "mms", "whatsapp", "viber_service_msg", "rcs")
"""Channels on which people are phone numbers."""
COUNTED = ("messenger", "telegram")
"""Those on which their ids are numbers as well."""
KINDS = ("text", "reply", "button", "sticker", "reaction", "order", "contacts")
HANDSET = "Handset"
"""What people are called who do not say."""

Some = Annotated[str, Field(min_length=1, max_length=1000)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Reply(_Part):
    """One of the buttons, or an entry of the list, that we sent."""

    id: Some
    title: Some
    description: Some | None = None


class Button(_Part):
    """A template's."""

    payload: Some
    text: Some


class Sticker(_Part):
    id: Annotated[str, Field(pattern=r"^\d{1,20}$")] | None = None
    """Of the picture; one that ends like the handset that is refused is gone."""


class Reaction(_Part):
    emoji: Annotated[str, Field(max_length=20)]
    """Empty takes it back."""


class Product(_Part):
    product_retailer_id: Some
    quantity: int = Field(1, ge=1)
    item_price: float = Field(ge=0)
    currency: str = Field(pattern=r"^[A-Z]{3}$")


class Order(_Part):
    catalog_id: Some
    product_items: list[Product] = Field(min_length=1)
    text: Some | None = None


class Written(_Part):
    """A message with one of the KINDS. `to` is a number, a page id, a bot's name, ..."""

    channel: str
    provider: str | None = None
    """Which of a channel's providers carries it; None for the usual one."""
    sender: str = Field(alias="from", pattern=r"^[+\w.:-]{3,100}$")
    to: str = Field(min_length=1)
    text: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    reply: Reply | None = None
    button: Button | None = None
    sticker: Sticker | None = None
    reaction: Reaction | None = None
    order: Order | None = None
    contacts: Annotated[list[dict[str, Any]], Field(min_length=1)] | None = None
    profile: Some = HANDSET
    quotes: Some | None = None
    """The message that this one answers: the provider's id of it, or what its sender calls it."""

    @model_validator(mode="after")
    def _parties(self) -> "Written":
        if self.channel in (*NUMBERED, *COUNTED) and not re.fullmatch(r"\+?\d{5,20}", self.sender):
            raise ValueError("from: must be digits")
        if (
            self.channel in ("sms", "mms", "whatsapp", "messenger")
            and not self.to.removeprefix("+").isdecimal()
        ):
            raise ValueError("to: must be digits")
        return self

    @model_validator(mode="after")
    def _one_kind(self) -> "Written":
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if not given:
            raise ValueError(f"text: is required, or another of {', '.join(KINDS)}")
        if len(given) > 1:
            raise ValueError(f"{given[1]}: cannot come with {given[0]}")
        if self.reaction and not self.quotes:
            raise ValueError("quotes: must name what the reaction is to")
        return self

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def is_plain(self) -> bool:
        """A text and nothing more, which everybody can send everywhere."""
        return self.kind == "text" and self.quotes is None and self.profile == HANDSET

    @property
    def special(self) -> str:
        """The member that not every channel has."""
        if self.kind != "text":
            return self.kind
        return "quotes" if self.quotes is not None else "profile"

    @property
    def person(self) -> str:
        """A number without "+"."""
        return self.sender.removeprefix("+")

    @property
    def ours(self) -> str:
        return self.to.removeprefix("+")
