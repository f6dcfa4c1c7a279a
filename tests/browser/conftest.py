"""One browser and one office for all browser tests; `make test-browser` runs them."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from dev.engines import Engines
from tests.browser.chromium import NoChromiumError, installed_chromium, running_chromium
from tests.browser.office import Office, running_office
from tests.browser.watched import Watched

expect.set_options(timeout=10_000)  # milliseconds


@pytest.fixture(scope="session", autouse=True)
def chromium() -> str:
    """The browser's path; without one no test proves anything, so the session ends."""
    try:
        return installed_chromium()
    except NoChromiumError as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture(scope="session")
def office(
    chromium: str, engines: Engines, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    """The office, its sample ingested."""
    with running_office(engines, tmp_path_factory.mktemp("office")) as running:
        yield running


@pytest.fixture(scope="session")
def browser(office: Office) -> Iterator[Browser]:
    """The browser; after the office, as its driver keeps an event loop in this thread."""
    with running_chromium() as running:
        yield running


@pytest.fixture
def watched(browser: Browser, office: Office) -> Iterator[Watched]:
    """Pages of this test, which ask nobody else, log no error and break no policy."""
    seen = Watched(browser, office.url)
    try:
        yield seen
        assert seen.verdict() == []
        assert seen.asked
    finally:
        seen.close()
