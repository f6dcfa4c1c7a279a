"""The page while MongoDB or the API is away: what it showed stays, and it says how old that is."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.office import EVERYTHING, Office, until
from tests.browser.watched import Watched, figure

pytestmark = [pytest.mark.services, pytest.mark.browser]


def test_without_mongodb_or_the_api_the_last_values_stay(office: Office, watched: Watched) -> None:
    watched.expected = (0, 503)
    page = watched.open(EVERYTHING)
    shown = figure(page)

    office.engines.mongod.kill()
    try:
        _refresh(page)
        _says_how_old(page, "MongoDB")
        expect(page.locator("#shares .state")).to_contain_text("MongoDB")
        expect(page.locator("#system")).to_contain_text("mongodb✕ down")
        assert figure(page) == shown
    finally:
        office.engines.mongod.start()
    _recovers(page)
    office.kill_api()
    try:
        _refresh(page)
        _says_how_old(page, "The API cannot be reached")
        assert figure(page) == shown
    finally:
        office.start_api()
    _recovers(page)


def _refresh(page: Page) -> None:
    page.get_by_role("button", name="Refresh").click()


def _says_how_old(page: Page, reason: str) -> None:
    """The banner gives the reason and the age, and the time in the header stands out."""
    banner = page.locator("#banner")
    expect(banner).to_contain_text(reason)
    expect(banner).to_contain_text(re.compile(r"What you see is of \d\d:\d\d:\d\d, .* ago"))
    expect(page.locator("#as-of")).to_have_class(re.compile("trouble"))


def _recovers(page: Page) -> None:
    """Press the button until the banner is gone, as a reader would."""

    def is_well() -> bool:
        _refresh(page)
        page.wait_for_timeout(300)
        return page.locator("#banner").is_hidden()

    until(is_well)
    expect(page.locator("#announcer")).to_contain_text("All answers are there again")
