"""What each channel can carry and prove: the one table that validation, docs and console read.

The limits are those of Vonage's own comparison table and of its API reference; where the two differ
the larger one stands, so that no request that was valid there is refused here. For the channels that
Vonage has not, they are the platform's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from switchboard.models.messages import Channel, Status

KB, MB = 1024, 1024 * 1024

Identifier = Literal["number", "id"]


@dataclass(frozen=True)
class Kind:
    """One content type on one channel. `formats` are file extensions; sizes are bytes.

    Formats and sizes are the provider's to enforce (by content, when it fetches the file); they are
    here for docs and for the media that we fetch ourselves.
    """

    formats: tuple[str, ...] = ()
    max_bytes: int | None = None
    caption: int = 0
    """Longest caption in characters; 0 means that a caption is not shown on this channel."""
    proves: frozenset[Status] | None = None
    """Where this content brings other receipts than the channel's rest."""


@dataclass(frozen=True)
class Capability:
    sender: Identifier
    recipient: Identifier
    text: int = 0
    """Longest text in characters; 0 means no texts."""
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    proves: frozenset[Status] = frozenset({Status.DELIVERED})
    """The statuses that a receipt can ever bring, and so what `condition_status` can be met."""

    @property
    def types(self) -> tuple[str, ...]:
        """Every `content.type` of the channel."""
        return (("text",) if self.text else ()) + tuple(self.kinds)

    def proved(self, content_type: str) -> frozenset[Status]:
        """The statuses that a receipt can bring for this content."""
        kind = self.kinds.get(content_type)
        return self.proves if kind is None or kind.proves is None else kind.proves


_NOTHING: frozenset[Status] = frozenset()
_DELIVERED_AND_READ = frozenset({Status.DELIVERED, Status.READ})

CHANNELS: Mapping[Channel, Capability] = {
    Channel.SMS: Capability(sender="number", recipient="number", text=3200),
    Channel.MMS: Capability(
        sender="number",
        recipient="number",
        text=1000,
        kinds={
            "image": Kind(("jpg", "jpeg", "png", "gif"), max_bytes=2 * MB, caption=3000),
            "audio": Kind(("mp3", "amr", "ogg", "3gp"), max_bytes=600 * KB, caption=3000),
            "video": Kind(("mp4", "mov", "3gp", "webm"), max_bytes=600 * KB, caption=3000),
            "file": Kind(("pdf", "ics"), max_bytes=600 * KB, caption=3000),
            "vcard": Kind(("vcf",), max_bytes=600 * KB),
            "content": Kind(),
        },
    ),
    Channel.WHATSAPP: Capability(
        sender="number",
        recipient="number",
        text=4096,
        kinds={
            "image": Kind(("jpg", "jpeg", "png"), max_bytes=64 * MB, caption=3000),
            "audio": Kind(("aac", "m4a", "amr", "mp3", "opus"), max_bytes=64 * MB),
            "video": Kind(("mp4", "3gpp"), max_bytes=64 * MB, caption=3000),
            "file": Kind(
                ("pdf", "doc", "docx", "ppt", "pptx", "xls", "xlsx"), max_bytes=64 * MB, caption=3000
            ),
            "sticker": Kind(("webp",), max_bytes=500 * KB),
            "location": Kind(),
            "reaction": Kind(proves=_NOTHING),
            "template": Kind(),
            "custom": Kind(),
        },
        proves=_DELIVERED_AND_READ,
    ),
    Channel.MESSENGER: Capability(
        sender="id",
        recipient="id",
        text=2000,
        kinds={
            "image": Kind(("jpg", "jpeg", "png", "gif")),
            "audio": Kind(("mp3",)),
            "video": Kind(("mp4",)),
            "file": Kind(("zip", "csv", "pdf")),
            "custom": Kind(),
        },
        proves=_DELIVERED_AND_READ,
    ),
    Channel.VIBER: Capability(
        sender="id",
        recipient="number",
        text=1000,
        kinds={
            "image": Kind(("jpg", "jpeg", "png"), caption=1000),
            "video": Kind(("mp4", "3gpp", "mov"), max_bytes=200 * MB, caption=1000),
            "file": Kind(("pdf", "doc", "docx", "rtf", "txt", "xls", "xlsx", "csv"), max_bytes=200 * MB),
            "template": Kind(),
            "custom": Kind(),
        },
        proves=_DELIVERED_AND_READ,
    ),
    Channel.RCS: Capability(
        sender="id",
        recipient="number",
        text=3072,
        kinds={
            "image": Kind(("jpg", "jpeg", "png", "gif"), max_bytes=100 * MB),
            "audio": Kind(("mp3", "m4a", "ogg"), max_bytes=100 * MB),
            "video": Kind(("mp4", "webm"), max_bytes=100 * MB),
            "file": Kind(("pdf",), max_bytes=100 * MB),
            "location": Kind(),
            "card": Kind(),
            "carousel": Kind(),
            "custom": Kind(),
        },
        proves=_DELIVERED_AND_READ,
    ),
    Channel.LINE: Capability(
        sender="id",
        recipient="id",
        text=5000,
        kinds={
            "image": Kind(("jpg", "jpeg", "png"), max_bytes=10 * MB),
            "audio": Kind(("m4a", "mp3"), max_bytes=20 * MB),
            "video": Kind(("mp4",), max_bytes=200 * MB),
            "location": Kind(),
            "custom": Kind(),
        },
        proves=_NOTHING,
    ),
    Channel.WECHAT: Capability(
        sender="id",
        recipient="id",
        text=2048,
        kinds={
            "image": Kind(("jpg", "jpeg", "png", "gif"), max_bytes=10 * MB),
            "audio": Kind(("amr", "mp3"), max_bytes=2 * MB),
            "video": Kind(("mp4",), max_bytes=10 * MB),
            "template": Kind(proves=frozenset({Status.DELIVERED})),
            "custom": Kind(),
        },
        proves=_NOTHING,
    ),
    Channel.APPLE: Capability(
        sender="id",
        recipient="id",
        text=10_000,
        kinds={
            "image": Kind(("jpg", "jpeg", "png", "gif", "heic"), max_bytes=20 * MB),
            "audio": Kind(("mp3", "m4a"), max_bytes=20 * MB),
            "video": Kind(("mp4", "mov"), max_bytes=20 * MB),
            "file": Kind(("pdf", "vcf", "ics", "pkpass"), max_bytes=20 * MB),
            "custom": Kind(),
        },
        proves=_NOTHING,
    ),
    Channel.TELEGRAM: Capability(
        sender="id",
        recipient="id",
        text=4096,
        kinds={
            "image": Kind(("jpg", "jpeg", "png"), max_bytes=5 * MB, caption=1024),
            "audio": Kind(("mp3", "m4a", "ogg"), max_bytes=20 * MB, caption=1024),
            "video": Kind(("mp4",), max_bytes=20 * MB, caption=1024),
            "file": Kind(("pdf", "zip", "gif"), max_bytes=20 * MB, caption=1024),
            "location": Kind(),
            "custom": Kind(),
        },
        proves=_NOTHING,
    ),
    Channel.VIBER_BOT: Capability(
        sender="id",
        recipient="id",
        text=7000,
        kinds={
            "image": Kind(("jpg", "jpeg", "png", "gif"), caption=768),
            "audio": Kind(("mp3", "m4a"), max_bytes=50 * MB),
            "video": Kind(("mp4",), max_bytes=26 * MB),
            "file": Kind(("pdf", "doc", "docx", "xls", "xlsx", "zip"), max_bytes=50 * MB),
            "location": Kind(),
            "custom": Kind(),
        },
        proves=_DELIVERED_AND_READ,
    ),
}

EVERY_TYPE = tuple(dict.fromkeys(kind for capability in CHANNELS.values() for kind in capability.types))
V1_NAMES = {Channel.VIBER: "viber_service"}
"""Channels whose name in version 1 of the Messages API is not ours."""
