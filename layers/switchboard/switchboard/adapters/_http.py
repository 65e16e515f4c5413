"""Requests to providers, made by a library that is loaded with the first of them: whoever only reads
callbacks makes none, and it is a tenth of a cold start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx


def request(method: str, url: httpx.URL | str, **options: Any) -> httpx.Request:
    """With the options of httpx.Request."""
    import httpx

    return httpx.Request(method, url, **options)


def url(text: str, **options: Any) -> httpx.URL:
    """With the options of httpx.URL."""
    import httpx

    return httpx.URL(text, **options)
