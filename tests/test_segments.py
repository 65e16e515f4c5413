"""Counting and cutting SMS texts."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.segments import Segments, segments, split

GOLDEN = {
    "nothing": ("", "GSM-7", 0, 1),
    "full": ("a" * 160, "GSM-7", 160, 1),
    "one more": ("a" * 161, "GSM-7", 161, 2),
    "two full": ("a" * 306, "GSM-7", 306, 2),
    "three": ("a" * 307, "GSM-7", 307, 3),
    "euro counts two": ("€" * 80, "GSM-7", 160, 1),
    "euros": ("€" * 81, "GSM-7", 162, 2),
    # 76 pairs and one odd unit: the pair that would straddle moves on.
    "no pair is cut": ("a" + "€" * 153, "GSM-7", 307, 3),
    "form feed": ("\f", "GSM-7", 2, 1),
    "brackets": ("^{}\\[~]|", "GSM-7", 16, 1),
    "CRLF": ("\r\n" * 80, "GSM-7", 160, 1),
    "Greek capitals": ("ΔΦΓΛΩΠΨΣΘΞ", "GSM-7", 10, 1),
    "cedilla small": ("ç", "UCS-2", 1, 1),
    "backtick": ("`", "UCS-2", 1, 1),
    "typographic quote": ("it\u2019s", "UCS-2", 4, 1),
    "Cyrillic full": ("я" * 70, "UCS-2", 70, 1),
    "Cyrillic two": ("я" * 71, "UCS-2", 71, 2),
    "Cyrillic two full": ("я" * 134, "UCS-2", 134, 2),
    "emoji": ("😀" * 35, "UCS-2", 70, 1),
    # 33 of them fit into 67 units.
    "no surrogate pair is cut": ("😀" * 67, "UCS-2", 134, 3),
    "emoji after one": ("я" + "😀" * 66, "UCS-2", 133, 2),
}


@pytest.mark.parametrize(("text", "encoding", "units", "parts"), GOLDEN.values(), ids=list(GOLDEN))
def test_segments(text: str, encoding: str, units: int, parts: int) -> None:
    found = segments(text)
    assert (found.encoding, found.units, found.parts) == (encoding, units, parts)


TEXTS = st.text(alphabet=st.sampled_from("ab €|\r\n\tя😀"), max_size=300)


@given(TEXTS)
def test_every_part_could_be_packed_by_hand(text: str) -> None:
    """Against a slow packing that looks at nothing but the limits."""
    gsm = all(character in "ab €|\r\n" for character in text)
    single, several = (160, 153) if gsm else (70, 67)
    wide = "€|" if gsm else "😀"
    widths = [2 if character in wide else 1 for character in text]
    packed: list[int] = [0]
    for width in widths:
        if packed[-1] + width > several:
            packed.append(0)
        packed[-1] += width
    parts = 1 if sum(widths) <= single else len(packed)
    assert segments(text) == Segments("GSM-7" if gsm else "UCS-2", sum(widths), parts)


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@given(TEXTS, st.integers(2, 80))
def test_split(text: str, longest: int) -> None:
    parts = split(text, longest)
    assert "".join(parts) == text
    assert all(0 < utf16(part) <= longest for part in parts) or parts == [""]
    for before, after in pairwise(parts):
        assert not (before.endswith("\r") and after.startswith("\n")) or len(before) == 1
        # No part is wasted: with what follows it, it would be too long, or it ends behind a space.
        assert utf16(before + after[0]) > longest or before[-1].isspace() or after.startswith("\r\n")


SPLITS = {
    "short": ("one two", 10, ["one two"]),
    "at a space": ("one two three", 8, ["one two ", "three"]),
    "one long word": ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
    "no space near the end": ("a bcdefghij", 8, ["a bcdefg", "hij"]),
    "pairs stay whole": ("😀😀😀", 3, ["😀", "😀", "😀"]),
    "CRLF stays whole": ("abc\r\nd", 4, ["abc", "\r\nd"]),
}


@pytest.mark.parametrize(("text", "longest", "parts"), SPLITS.values(), ids=list(SPLITS))
def test_where_it_is_cut(text: str, longest: int, parts: list[str]) -> None:
    assert split(text, longest) == parts
