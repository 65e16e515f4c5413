"""The words by which people stop and start being written to."""

import re

OPT_OUT = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT")
OPT_IN = ("START", "UNSTOP")

_ODD = re.compile(r"[\W_]+")


def keyword(text: str) -> str:
    """A text as the words are written: "Stop all!" is STOPALL."""
    return _ODD.sub("", text).upper()
