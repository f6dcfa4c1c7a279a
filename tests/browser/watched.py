"""Pages under watch: whatever they ask, log or violate is held against them in the end."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

AXE = Path(__file__).parent / "vendor/axe-core-4.14.1/axe.min.js"
_NOTE_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI}`));
"""
# Routes that an API may lack: the page asks each once, and the browser logs the 404.
_OPTIONAL = ("/whoami", "/tenants", "/status")
_PATIENCE = 30.0  # seconds
_FAILED = "Failed to load resource"


@dataclass
class Watched:
    """The contexts of one test, and what was seen of their pages."""

    browser: Browser
    url: str
    # Answers that the test provokes: the browser logs each, which says nothing of the page.
    expected: tuple[int, ...] = ()
    asked: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    under_way: set[Request] = field(default_factory=set)
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, query: str = "", **options: Any) -> Page:
        """A new page in a context of its own, of 1280 by 900 unless said otherwise."""
        page = self.blank(**options)
        page.goto(f"{self.url}/{query}")
        return page

    def blank(self, **options: Any) -> Page:
        """The same, nothing opened yet."""
        given: Mapping[str, Any] = {
            "viewport": {"width": 1280, "height": 900},
            "timezone_id": "Europe/Berlin",
            "reduced_motion": "reduce",
        } | options
        context = self.browser.new_context(**given)
        context.set_default_timeout(10_000)
        self.contexts.append(context)
        page = context.new_page()
        page.add_init_script(_NOTE_VIOLATIONS)
        page.on("request", self._begin)
        page.on("requestfinished", lambda request: self.under_way.discard(request))
        page.on("requestfailed", lambda request: self.under_way.discard(request))
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.troubles.append(f"dialog: {dialog.message}"))
        page.on("console", self._note)
        return page

    def wait_until_quiet(self, page: Page) -> None:
        """Wait until every answer is there, and the page has done what it makes of them."""
        give_up = time.monotonic() + _PATIENCE
        while self.under_way:
            assert time.monotonic() < give_up, [request.url for request in self.under_way]
            page.wait_for_timeout(20)
        page.evaluate("() => new Promise((done) => queueMicrotask(done))")

    def verdict(self) -> list[str]:
        """Everything that no page may do."""
        strangers = [url for url in self.asked if not url.startswith(f"{self.url}/")]
        violations = [
            violation
            for context in self.contexts
            for page in context.pages
            for violation in page.evaluate("window.violations ?? []")
        ]
        return [*self.troubles, *strangers, *violations]

    def close(self) -> None:
        """End every context."""
        for context in self.contexts:
            context.close()

    def _begin(self, request: Request) -> None:
        self.asked.append(request.url)
        self.under_way.add(request)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        path = message.location.get("url", "").removeprefix(self.url)
        if message.text.startswith(_FAILED):
            if "404" in message.text and path in _OPTIONAL:
                return
            if any(str(status) in message.text for status in self.expected):
                return
            if 0 in self.expected and "net::ERR" in message.text:
                return
        self.troubles.append(f"{message.type}: {message.text} ({path})")


def figure(page: Page) -> str:
    """The number of tickets that the page shows, once it shows one."""
    tile = page.locator("#figures b").first
    expect(tile).to_have_text(re.compile(r"\d"))
    return tile.inner_text()


def accessibility(page: Page) -> list[str]:
    """What axe-core finds wrong, after it looked at the contrast of some text at least."""
    page.evaluate(AXE.read_text())
    result = page.evaluate("axe.run()")
    assert "color-contrast" in {rule["id"] for rule in result["passes"]}
    return [
        f"{rule['id']}: {node['html'][:120]}"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]
