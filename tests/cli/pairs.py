"""Key pairs, made once: they take their time."""

from functools import cache

from switchboard.applications import key_pair


@cache
def pair(number: int = 0) -> tuple[str, str]:
    """The private and the public half, in PEM."""
    return key_pair()
