"""Writes docs/channels.md from the capability table and the adapters: python docs/channels.py"""

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "layers" / "switchboard"))

from switchboard.adapters import REGISTRY, adapter  # noqa: E402
from switchboard.adapters.base import Adapter  # noqa: E402
from switchboard.adapters.templates import KeepsTemplates  # noqa: E402
from switchboard.channels import CHANNELS, KB, MB, Capability, Kind  # noqa: E402
from switchboard.contacts import KEPT, WINDOWS  # noqa: E402
from switchboard.models.messages import Channel, Status  # noqa: E402
from switchboard.settings import DEFAULT_PROVIDERS  # noqa: E402

PAGE = ROOT / "docs" / "channels.md"


def page() -> str:
    return "\n".join(_page())


def _page() -> Iterator[str]:
    yield "# Channels"
    yield ""
    yield "Written by `python docs/channels.py` from `channels.py` and the adapters; a test keeps it true."
    yield ""
    yield "What a channel can prove is what a dispatch step can wait for with `condition_status`. A step that"
    yield "waits for anything else just runs out of time."
    yield ""
    yield "| channel | sender, recipient | text | can prove | carried by (the default first) |"
    yield "|---|---|---|---|---|"
    for channel, capability in CHANNELS.items():
        yield _row(
            f"[`{channel}`](#{channel})",
            f"{capability.sender}, {capability.recipient}",
            str(capability.text or "-"),
            _proves(capability.proves),
            ", ".join(f"`{provider.name}`" for provider in _carriers(channel)),
        )
    for channel, capability in CHANNELS.items():
        yield from _channel(channel, capability)
    yield from _providers()


def _channel(channel: Channel, capability: Capability) -> Iterator[str]:
    yield ""
    yield f"## {channel}"
    yield ""
    if channel in WINDOWS:
        hours = int(WINDOWS[channel].total_seconds() // 3600)
        kept = "kept by us (1340)" if channel in KEPT else "left to the provider"
        yield f"People can be written to freely for {hours} h after they wrote; {kept}."
        yield ""
    if not capability.kinds:
        yield f"Texts of up to {capability.text} characters, and nothing else."
        return
    yield "| content | formats | at most | caption | proves |"
    yield "|---|---|---|---|---|"
    if capability.text:
        yield _row("text", "", f"{capability.text} characters", "", _proves(capability.proved("text")))
    for name, kind in capability.kinds.items():
        yield _row(
            name,
            " ".join(kind.formats),
            _size(kind),
            str(kind.caption or ""),
            _proves(capability.proved(name)),
        )


def _providers() -> Iterator[str]:
    yield ""
    yield "## Providers"
    yield ""
    yield "| provider | channels | knows repeats | receipts carry our id | long texts in parts | templates |"
    yield "|---|---|---|---|---|---|"
    for name in sorted(REGISTRY):
        provider = adapter(name)
        parts = ", ".join(f"{channel} over {most}" for channel, most in provider.longest_text.items())
        yield _row(
            f"`{name}`",
            ", ".join(sorted(provider.channels)),
            "yes" if provider.deduplicates else "no",
            "yes" if provider.echoes else "no",
            parts or "-",
            "yes" if isinstance(provider, KeepsTemplates) else "-",
        )
    yield ""


def _carriers(channel: Channel) -> list[Adapter]:
    found = [adapter(name) for name in sorted(REGISTRY) if channel in adapter(name).channels]
    return sorted(found, key=lambda provider: provider.name != DEFAULT_PROVIDERS[channel])


def _proves(statuses: frozenset[Status]) -> str:
    return ", ".join(status for status in Status if status in statuses) or "nothing"


def _size(kind: Kind) -> str:
    if kind.max_bytes is None:
        return ""
    is_large = kind.max_bytes >= MB
    return f"{kind.max_bytes // (MB if is_large else KB)} {'MB' if is_large else 'KB'}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page())
