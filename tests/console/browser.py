"""A browser, and the console in it as somebody uses it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.local_stack import KEY, SECRET, LocalStack

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE = 40_000.0
"""Milliseconds that something which should be quick may take on a busy machine."""
AXE = Path(__file__).parents[2] / "console/node_modules/axe-core/axe.min.js"
PAGES = (
    "overview",
    "messages",
    "dispatches",
    "compose",
    "compose?kind=dispatch",
    "handsets",
    "insights",
    "applications",
    "accounts",
    "templates",
    "webhooks",
)
"""By their addresses behind #/."""


@contextmanager
def opened() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Console:
    """One tab."""

    def __init__(self, browser: Browser, stack: LocalStack, **options: Any) -> None:
        self.url = f"{stack.url}/console"
        self._context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}} | options)
        self._context.set_default_timeout(PATIENCE)
        self.tab: Page = self._context.new_page()
        self.complaints: list[str] = []
        """What the browser did not like: errors of the page, of the network, of the content policy."""
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on(
            "console",
            lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None,
        )

    def close(self) -> None:
        self._context.close()

    def sign_in(self, secret: str = SECRET) -> None:
        self.tab.goto(self.url)
        self.tab.get_by_label("API key").fill(KEY)
        self.tab.get_by_label("API secret").fill(secret)
        self.tab.get_by_role("button", name="Sign in").click()

    def signed_in(self) -> None:
        self.sign_in()
        self.heading("Overview")

    def open(self, page: str) -> None:
        self.tab.goto(f"{self.url}#/{page}")
        self.tab.locator("main h1").wait_for()

    def heading(self, name: str) -> None:
        """Waits for it."""
        self.tab.get_by_role("heading", level=1, name=name).wait_for()

    def lane(self, step: int, state: str) -> Locator:
        """A step of a dispatch's picture, when it is in that state."""
        found = self.tab.locator(f'[data-step="{step}"][data-state="{state}"]')
        found.wait_for()
        return found

    def confirm(self, name: str) -> None:
        """What the dialog offers."""
        self.tab.get_by_role("dialog").get_by_role("button", name=name).click()

    def focus(self) -> str:
        """The name of what has it."""
        script = "(document.activeElement.ariaLabel || document.activeElement.textContent || '').trim()"
        return str(self.tab.evaluate(script))

    def phone(self, name: str) -> Locator:
        return self.tab.locator("section.phone").filter(
            has=self.tab.get_by_role("heading", name=name, exact=True)
        )

    def hash(self) -> str:
        """The page's address behind #."""
        return str(self.tab.evaluate("location.hash"))

    def compose(self, *steps: tuple[str, str, str], to: str = "") -> None:
        """Starts a dispatch of Messenger, Viber and SMS to Ada's phones. A step: (until, seconds, text)."""
        self.open(f"compose?kind=dispatch&to={to}")
        self.tab.locator(".step-form").nth(len(steps) - 1).wait_for()
        for number, (until, seconds, text) in enumerate(steps):
            form = self.tab.locator(".step-form").nth(number)
            form.get_by_label("Text").fill(text)
            if seconds:
                form.get_by_label("Go on unless it is").select_option(until)
                form.get_by_label("within seconds").fill(seconds)
        self.tab.get_by_role("button", name="Start the dispatch").click()

    def violations(self) -> list[str]:
        """What axe finds wrong with the page: the rule, and where."""
        if not self.tab.evaluate("typeof window.axe === 'object'"):
            self.tab.evaluate(AXE.read_text())
        found = self.tab.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{violation['id']}: {node['target']} {node.get('failureSummary', '')}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    def beyond_the_edge(self) -> int:
        """Pixels by which the page is wider than the window."""
        return int(self.tab.evaluate("document.documentElement.scrollWidth - innerWidth"))
