"""Parts of an SMS. The numbers are those of GSM 03.38 and 23.038."""

import pytest

from sandbox.carriers.segments import segments


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", ("GSM", 1), id="empty"),
        pytest.param("x" * 160, ("GSM", 1), id="one"),
        pytest.param("x" * 161, ("GSM", 2), id="two"),
        pytest.param("x" * 306, ("GSM", 2), id="two-full"),
        pytest.param("x" * 307, ("GSM", 3), id="three"),
        pytest.param("\u20ac" * 80, ("GSM", 1), id="escaped-one"),
        pytest.param("\u20ac" * 81, ("GSM", 2), id="escaped-two"),
        pytest.param("x" * 152 + "[" + "x" * 151, ("GSM", 2), id="escape-moves-to-the-next-part"),
        pytest.param("x" * 152 + "[" + "x" * 152, ("GSM", 3), id="escape-opens-a-third-part"),
        pytest.param("\u0416" * 70, ("Unicode", 1), id="ucs2-one"),
        pytest.param("\u0416" * 71, ("Unicode", 2), id="ucs2-two"),
        pytest.param("\u0416" * 134, ("Unicode", 2), id="ucs2-two-full"),
        pytest.param("\u0416" * 135, ("Unicode", 3), id="ucs2-three"),
        pytest.param("\U0001f600" * 35, ("Unicode", 1), id="pairs-one"),
        pytest.param("\U0001f600" * 67, ("Unicode", 3), id="pairs-are-not-split"),
        pytest.param("x" * 69 + "`", ("Unicode", 1), id="backtick-is-not-gsm"),
    ],
)
def test_segments(text: str, expected: tuple[str, int]) -> None:
    assert segments(text) == expected
