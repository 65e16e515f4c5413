"""Takes the README's pictures of the console: python -m tests.console.screenshots, or `make screenshots`."""

import tempfile
from pathlib import Path
from typing import Any

import httpx

from tests.console.browser import Console, opened
from tests.e2e import bodies
from tests.e2e.local_stack import KEY, ROOT, SECRET, LocalStack

IMAGES = ROOT / "docs" / "images"
SIZE = {"width": 1180, "height": 780}


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        stack = LocalStack(Path(folder))
        stack.start()
        try:
            with opened() as browser:
                console = Console(browser, stack, viewport=SIZE, color_scheme="light")
                _play(stack, console)
                console.close()
        finally:
            stack.stop()


def _play(stack: LocalStack, console: Console) -> None:
    client = httpx.Client(base_url=stack.url, auth=(KEY, SECRET), timeout=60)
    for channel in ("sms", "whatsapp", "viber_service_msg"):
        for digits in ("0100", "0101", "0102", "0103"):
            _send(client, bodies.message(channel, digits))
    for channel, digits in (
        ("sms", "0004"),
        ("whatsapp", "0003"),
        ("messenger", "0100"),
        ("messenger", "0001"),
    ):
        _send(client, bodies.message(channel, digits))
    console.signed_in()
    console.compose(
        ("read", "4", "Your parcel arrives today between 3 and 4."),
        ("read", "600", "Your parcel arrives today between 3 and 4."),
        ("", "", "Your parcel arrives today between 3 and 4."),
    )
    console.lane(0, "timed_out")
    console.lane(1, "running").locator(".track .done").get_by_text("delivered").wait_for()
    console.tab.locator(".explained li").nth(6).wait_for()
    _picture(console, "dispatch")
    console.open("handsets")
    console.phone("Viber").locator(".bubble").first.wait_for()
    console.phone("Messenger").get_by_role("button", name="Open Messenger").click()
    console.phone("Messenger").locator(".ticks.read").first.wait_for()
    console.lane(1, "running")
    _picture(console, "handsets")
    console.open("overview")
    console.tab.get_by_role("heading", name="By channel").wait_for()
    console.tab.locator("main .row").nth(8).wait_for()
    _picture(console, "overview")


def _send(client: httpx.Client, body: Any) -> None:
    client.post("/v0.1/messages", json=body).raise_for_status()


def _picture(console: Console, name: str) -> None:
    console.tab.wait_for_timeout(500)
    console.tab.screenshot(path=IMAGES / f"{name}.png", animations="disabled")


if __name__ == "__main__":
    main()
