"""Copies outbound media to where a provider wants it."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx

from switchboard.adapters import Account, Adapter
from switchboard.channels import CHANNELS, MB
from switchboard.errors import Rejected, Unavailable
from switchboard.models.messages import Media as MediaContent
from switchboard.models.messages import Message

SECONDS = 10.0
"""Longest time for one fetch, however steadily it drips."""


@dataclass(frozen=True)
class Media:
    client: httpx.Client
    s3: Callable[[], Any]
    """The S3 client; a callable, since few messages need one."""
    bucket: str
    gateway: str | None = None

    def staged(self, message: Message, provider: Adapter, account: Account) -> Message:
        """The message as its provider can take it: media in our bucket if it must be there.

        Rejected 1380 or 1381 when the media cannot be had or is too large; Unavailable when its host has
        trouble.
        """
        content = message.content
        if provider.media_by(message) != "s3" or not isinstance(content, MediaContent):
            return message
        limit = CHANNELS[message.channel].kinds[content.type].max_bytes or MB
        body, content_type = self._fetch(content.url, limit)
        key = f"outbound/{message.message_uuid}{os.path.splitext(urlsplit(content.url).path)[1][:8]}"
        self.s3().put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=content_type)
        copy = content.model_copy(update={"url": f"s3://{self.bucket}/{key}"})
        return message.model_copy(update={"content": copy})

    def _fetch(self, url: str, limit: int) -> tuple[bytes, str]:
        address, query = (self.gateway, {"url": url}) if self.gateway else (url, None)
        body, end = bytearray(), monotonic() + SECONDS
        try:
            with self.client.stream("GET", address, params=query) as reply:
                if reply.is_server_error:
                    raise Unavailable(1380, reply.status_code)
                if not reply.is_success:
                    raise Rejected(1380, reply.status_code)
                for part in reply.iter_bytes():
                    body += part
                    if len(body) > limit:
                        raise Rejected(1381)
                    if monotonic() > end:
                        raise Unavailable(1380, "slow")
                return bytes(body), reply.headers.get("content-type", "application/octet-stream")
        except httpx.InvalidURL as error:
            raise Rejected(1380) from error
        except httpx.TransportError as error:
            raise Unavailable(1380, type(error).__name__) from error
