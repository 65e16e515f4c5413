"""Rich cards, and the suggestions that people tap instead of writing (RCS)."""

from typing import Annotated, Literal

from pydantic import Field

from switchboard.models.frozen import Frozen


class _Suggestion(Frozen):
    text: str
    """What is shown."""
    postback: str
    """What comes back to us when it is tapped."""


class ReplySuggestion(_Suggestion):
    type: Literal["reply"]


class DialSuggestion(_Suggestion):
    type: Literal["dial"]
    number: str
    """E.164 digits without `+`."""
    fallback_url: str | None = None


class ViewLocationSuggestion(_Suggestion):
    type: Literal["view_location"]
    latitude: float
    longitude: float
    label: str | None = None
    fallback_url: str | None = None


class ShareLocationSuggestion(_Suggestion):
    type: Literal["share_location"]


class OpenUrlSuggestion(_Suggestion):
    type: Literal["open_url"]
    url: str
    description: str | None = None
    view: Literal["full", "tall", "half"] | None = None
    """How much of the screen, if it opens within the conversation; None opens the browser."""


class CalendarSuggestion(_Suggestion):
    type: Literal["create_calendar_event"]
    start: str
    """ISO 8601, as is `end`."""
    end: str
    title: str
    description: str | None = None
    fallback_url: str | None = None


Suggestion = Annotated[
    ReplySuggestion
    | DialSuggestion
    | ViewLocationSuggestion
    | ShareLocationSuggestion
    | OpenUrlSuggestion
    | CalendarSuggestion,
    Field(discriminator="type"),
]


class RichCard(Frozen):
    """A picture or video with a title, a text and suggestions of its own."""

    title: str
    text: str
    media_url: str
    media_description: str | None = None
    media_height: Literal["short", "medium", "tall"] | None = None
    thumbnail_url: str | None = None
    refresh: bool = False
    """The provider is to fetch the media anew, though it knows the address."""
    suggestions: tuple[Suggestion, ...] = ()
