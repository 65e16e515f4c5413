"""How an SMS text is counted and cut: 3GPP TS 23.038 (alphabets) and TS 23.040 (parts).

A text of the GSM alphabet has 160 units in one part or 153 in each of several; any other is UCS-2, with 70
or 67 UTF-16 units. A character of two units is never cut in two.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")

_LIMITS = {"GSM-7": (160, 153), "UCS-2": (70, 67)}


@dataclass(frozen=True)
class Segments:
    encoding: Literal["GSM-7", "UCS-2"]
    units: int
    """Septets or UTF-16 units of the whole text."""
    parts: int


def segments(text: str, *, unicode: bool = False) -> Segments:
    """What a text is billed as. An empty one is one part. `unicode`: it goes out as UCS-2 in any case."""
    if not unicode and all(character in _BASIC or character in _EXTENSION for character in text):
        return _counted("GSM-7", [2 if character in _EXTENSION else 1 for character in text])
    return _counted("UCS-2", [_utf16(character) for character in text])


def _counted(encoding: Literal["GSM-7", "UCS-2"], widths: list[int]) -> Segments:
    single, several = _LIMITS[encoding]
    units = sum(widths)
    if units <= single:
        return Segments(encoding, units, 1)
    parts, room = 1, several
    for width in widths:
        if width > room:
            parts, room = parts + 1, several
        room -= width
    return Segments(encoding, units, parts)


def split(text: str, longest: int) -> list[str]:
    """A text in parts of at most `longest` UTF-16 units (2 at least), which joined are the text again.

    Cut behind the last white space of a part where there is some in its second half, else anywhere but
    within a CRLF.
    """
    return list(_parts(text, longest)) or [text]


def _parts(text: str, longest: int) -> Iterator[str]:
    while text:
        end, room = 0, longest
        while end < len(text) and (width := _utf16(text[end])) <= room:
            end, room = end + 1, room - width
        if end < len(text):
            end = _cut(text, end)
        yield text[:end]
        text = text[end:]


def _cut(text: str, end: int) -> int:
    """Where to end a part that may have `end` characters, of a text that has more."""
    for place in range(end, end // 2, -1):
        if text[place - 1].isspace() and text[place - 1 : place + 1] != "\r\n":
            return place
    return end - 1 if end > 1 and text[end - 1 : end + 1] == "\r\n" else end


def _utf16(character: str) -> int:
    return 2 if ord(character) > 0xFFFF else 1
