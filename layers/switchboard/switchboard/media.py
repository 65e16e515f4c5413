"""Fetches media, and keeps it where it is wanted: outbound for a provider, inbound for the client."""

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx

from switchboard.adapters import adapter
from switchboard.adapters.base import Account, Adapter, MediaFile
from switchboard.channels import CHANNELS, MB
from switchboard.errors import ConfigurationError, Rejected, SendError, Unavailable
from switchboard.models.messages import (
    Card,
    Carousel,
    Channel,
    Content,
    File,
    InboundMedia,
    Message,
    Several,
    Video,
)
from switchboard.models.messages import Media as MediaContent
from switchboard.models.rich import RichCard
from switchboard.outgoing import Outgoing, Refused, within
from switchboard.secrets import Accounts
from switchboard.store import InboundItem

SECONDS = 10.0
"""Longest time for one fetch, however steadily it drips."""
LARGEST = 25 * MB
"""Of what passes through us, whatever a channel takes: a function's memory holds ten at once."""
REDIRECTS = 3
"""Of providers' own links. None is followed from an address that a client gave."""
CODES = (1380, 1381, 1382)
"""Public codes of media that will not be had."""

# The kinds of content that are told from its first bytes, and the main types that these may show.
TOLD = {"image": ("image",), "sticker": ("image",), "audio": ("audio", "video"), "video": ("video",)}


@dataclass(frozen=True)
class Media:
    client: Callable[[], httpx.Client]
    """For providers, and the gateway. This and the next two are callables, as few messages need them."""
    outgoing: Callable[[], Outgoing]
    """For whatever else is on the internet."""
    s3: Callable[[], Any]
    accounts: Accounts
    bucket: str
    gateway: str | None = None
    """An address that fetches what its `url` names, in place of the internet."""
    adapter: Callable[[str], Adapter] = adapter

    def staged(self, message: Message, provider: Adapter, account: Account) -> Message:
        """The message as its provider can take it: media in our bucket, or handed over, if it must be.

        Rejected 1380, 1381 or 1382 when the media cannot be had, is too large or is of another kind;
        Unavailable when its host has trouble. Raises also what the handing over raises.
        """
        by, content = provider.media_by(message), message.content
        if by == "s3":
            return message.model_copy(update={"content": self._copied(content, message)})
        if by == "link" or not isinstance(content, MediaContent):
            return message
        file = self._fetched(content.url, content.type, message.channel)
        if isinstance(content, File) and content.name:
            file = replace(file, name=content.name)
        return provider.attach(message, file, account, self.client())

    def _copied(self, content: Content, message: Message) -> Content:
        """The same with all its media in our bucket."""
        numbers = count()

        def copy(url: str, kind: str) -> str:
            file, number = self._fetched(url, kind, message.channel), next(numbers)
            name = f"{message.message_uuid}-{number}" if number else message.message_uuid
            key = f"outbound/{name}{os.path.splitext(file.name)[1][:8]}"
            self.s3().put_object(Bucket=self.bucket, Key=key, Body=file.content, ContentType=file.mime_type)
            return f"s3://{self.bucket}/{key}"

        def media(item: MediaContent) -> MediaContent:
            copied = {"url": copy(item.url, item.type)}
            if isinstance(item, Video) and item.thumbnail_url:
                copied["thumbnail_url"] = copy(item.thumbnail_url, "image")
            return item.model_copy(update=copied)

        def card(card: RichCard) -> RichCard:
            copied = {"media_url": copy(card.media_url, "card")}
            if card.thumbnail_url:
                copied["thumbnail_url"] = copy(card.thumbnail_url, "image")
            return card.model_copy(update=copied)

        match content:
            case Several():
                return content.model_copy(update={"items": tuple(map(media, content.items))})
            case Card():
                return content.model_copy(update={"card": card(content.card)})
            case Carousel():
                return content.model_copy(update={"cards": tuple(map(card, content.cards))})
        return media(content) if isinstance(content, MediaContent) else content

    def _fetched(self, url: str, kind: str, channel: Channel) -> MediaFile:
        known = CHANNELS[channel].kinds.get(kind)
        limit = min((known.max_bytes if known else None) or LARGEST, LARGEST)
        try:
            request = httpx.Request("GET", url)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise Rejected(1380, "not an address") from error
        return self._file(request, kind, limit)

    def keep(self, item: InboundItem) -> None:
        """Put what a person sent into our bucket, before the provider's link lapses. A repeat puts the same.

        Raises like `staged`.
        """
        assert isinstance(item.content, InboundMedia)
        provider, url = self.adapter(item.provider), item.content.url or ""
        try:
            account = self.accounts.account(item.provider, item.account_id)
            request = provider.download(url, account, self.client())
        except ConfigurationError as error:
            raise Rejected(1380, error.provider_code) from error
        own = urlsplit(account.get("base_url")).hostname
        opened = partial(provider.opened, url)
        kind = item.content.type
        file = self._file(request, kind, LARGEST, own_host=own, opened=opened, redirects=REDIRECTS)
        self.s3().put_object(
            Bucket=self.bucket, Key=kept(item.message_uuid), Body=file.content, ContentType=file.mime_type
        )

    def _file(
        self,
        request: httpx.Request,
        kind: str,
        limit: int,
        own_host: str | None = None,
        opened: Callable[[bytes], bytes] = lambda content: content,
        redirects: int = 0,
    ) -> MediaFile:
        url = str(request.url)
        if self.gateway and request.url.host != own_host:
            request = httpx.Request("GET", self.gateway, params={"url": url})
        content, shown = self._fetch(request, limit, redirects)
        content = opened(content)
        import filetype

        guess = filetype.guess(content[:8192])
        if kind in TOLD and (guess is None or guess.mime.partition("/")[0] not in TOLD[kind]):
            raise Rejected(1382, guess.mime if guess else "unknown type")
        name = os.path.basename(urlsplit(url).path)
        if guess and not os.path.splitext(name)[1]:
            name = f"{name or 'media'}.{guess.extension}"
        return MediaFile(content, guess.mime if guess else shown, name or "media")

    def _fetch(self, request: httpx.Request, limit: int, redirects: int) -> tuple[bytes, str]:
        """The bytes at an address, and the type that its host gives them."""
        end = monotonic() + SECONDS
        with within(SECONDS):
            for _ in range(redirects + 1):
                answer = self._answer(request, limit, end)
                if not isinstance(answer, httpx.Request):
                    return answer
                request = answer
        raise Rejected(1380, "too many redirects" if redirects else "redirect")

    def _answer(self, request: httpx.Request, limit: int, end: float) -> tuple[bytes, str] | httpx.Request:
        """Or where else to look. A gateway may be anywhere: whoever deployed us chose it."""
        if self.gateway:
            client = self.client()
        else:
            client = self.outgoing().client
            fault = self.outgoing().guard.fault(request.url)
            if fault:
                raise Rejected(1380, fault)
        body = bytearray()
        # What is unpacked could be a thousand times as much as what came.
        request.headers["accept-encoding"] = "identity"
        try:
            # As it is: an adapter may have hidden a token in it (extensions).
            with closing(client.send(request, stream=True, follow_redirects=False)) as reply:
                if reply.is_server_error or reply.status_code == httpx.codes.TOO_MANY_REQUESTS:
                    raise Unavailable(1380, reply.status_code)
                if reply.next_request is not None:
                    return reply.next_request
                if not reply.is_success:
                    # A gateway knows that its answer would be too large.
                    too_large = reply.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE
                    raise Rejected(1381 if too_large else 1380, reply.status_code)
                if reply.headers.get("content-encoding", "identity") != "identity":
                    raise Rejected(1380, "packed")
                for part in reply.iter_bytes():
                    body += part
                    if len(body) > limit:
                        raise Rejected(1381)
                    if monotonic() > end:
                        raise Unavailable(1380, "slow")
                return bytes(body), reply.headers.get("content-type", "application/octet-stream")
        except Refused as error:
            raise Rejected(1380, str(error)) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            raise Rejected(1380, "not an address") from error
        except httpx.TransportError as error:
            raise Unavailable(1380, type(error).__name__) from error


def kept(message_uuid: str) -> str:
    """Where in the bucket the media of an inbound message is."""
    return f"inbound/{message_uuid}"


def refusal(error: SendError) -> int:
    return error.code if error.code in CODES else CODES[0]
