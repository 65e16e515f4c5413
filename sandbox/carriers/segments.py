"""How many parts an SMS has: GSM 03.38 or UCS-2, 160/70 characters in one part, else 153/67 in each."""

from typing import Literal

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED = frozenset("\f^{}\\[~]|€")
_GSM = _BASIC | _ESCAPED

Encoding = Literal["GSM", "Unicode"]


def segments(text: str) -> tuple[Encoding, int]:
    """Encoding and number of parts. No part ends within an escape sequence or a surrogate pair."""
    if _GSM.issuperset(text):
        return "GSM", _parts([2 if char in _ESCAPED else 1 for char in text], 160, 153)
    return "Unicode", _parts([2 if ord(char) > 0xFFFF else 1 for char in text], 70, 67)


def _parts(widths: list[int], single: int, each: int) -> int:
    if sum(widths) <= single:
        return 1
    parts, used = 1, 0
    for width in widths:
        if used + width > each:
            parts, used = parts + 1, 0
        used += width
    return parts
