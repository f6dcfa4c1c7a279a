"""The Chromium that the tests drive: the one of the system, or what `CHROMIUM` names."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser, sync_playwright

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# Without a sandbox, as root has none; nothing but our own page is opened.
_ARGUMENTS: Final = ["--no-sandbox", "--disable-dev-shm-usage"]
MISSING: Final = (
    "no Chromium here: on Debian and Ubuntu `apt-get update && apt-get install -y chromium`,"
    " elsewhere any Chromium or Chrome; CHROMIUM=/path/to/it names one that is not on the PATH"
)


class NoChromiumError(Exception):
    """There is none; the message says what to install."""

    def __init__(self) -> None:
        super().__init__(MISSING)


def installed_chromium() -> str:
    """The path of the browser.

    Raises:
        NoChromiumError: there is none.
    """
    wanted = (os.environ["CHROMIUM"],) if os.environ.get("CHROMIUM") else _NAMES
    for name in wanted:
        if path := shutil.which(name):
            return path
    raise NoChromiumError


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """A browser, gone when the block ends."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=installed_chromium(), args=_ARGUMENTS, headless=True
        )
        try:
            yield browser
        finally:
            browser.close()
