"""The page over an API that wants keys, with keys as operators make them."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from dev.environment import environment_of
from dev.ports import free_port
from tests.browser.office import EVERYTHING, TENANT, Office, until
from tests.browser.watched import Watched, figure
from tests.cli.commands import Deskstream

pytestmark = [pytest.mark.services, pytest.mark.browser]

OTHER = "harbortide"


@pytest.fixture
def locked(office: Office) -> Iterator[Deskstream]:
    """An API over a copy of the office's documents, with a key in it; stopped in the end."""
    copy = f"{office.database.name}k"
    for name in office.database.list_collection_names():
        office.database[name].aggregate([{"$out": {"db": copy, "coll": name}}])
    settings = environment_of(office.deployment.settings)
    deskstream = Deskstream(settings | {"MONGODB_DATABASE": copy, "API_PORT": str(free_port())})
    try:
        key(deskstream, "*", "admin")
        with deskstream.api():
            yield deskstream
    finally:
        office.database.client.drop_database(copy)


@pytest.fixture
def watched(browser: Browser, locked: Deskstream) -> Iterator[Watched]:
    seen = Watched(browser, locked.url, expected=(401, 403, 404))
    try:
        yield seen
        assert seen.verdict() == []
    finally:
        seen.close()


def key(deskstream: Deskstream, tenant_id: str, scopes: str) -> str:
    made = deskstream.run("keys", "create", "--tenant", tenant_id, "--scope", scopes)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def asked(deskstream: Deskstream, secret: str) -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.get(f"{deskstream.url}/whoami", headers=headers, trust_env=False).status_code


def enter(page: Page, secret: str) -> None:
    field = page.get_by_label("Key", exact=True)
    expect(field).to_be_focused()
    field.fill(secret)
    page.keyboard.press("Enter")


def test_a_key_opens_its_tenant_no_other_and_nothing_once_revoked(
    office: Office, locked: Deskstream, watched: Watched
) -> None:
    secret = key(locked, TENANT, "tickets:read,stats:read")
    page = watched.open(EVERYTHING)
    enter(page, secret)

    live = [ticket for ticket in office.tickets() if ticket["deleted_at"] is None]
    assert figure(page) == str(len(live))
    expect(page.get_by_label("Tenant").locator("option")).to_have_text([TENANT])
    expect(page.get_by_role("button", name="Start a run")).to_be_disabled()

    theirs = office.tickets(OTHER)[0]
    page.goto(f"{watched.url}/?tenant={OTHER}&range=all")
    expect(page.locator("#banner")).to_contain_text(f"No ticket of tenant {OTHER}")
    assert theirs["subject"] not in page.content()

    [mine] = [k for k in locked.json("keys", "list")["keys"] if k["tenant_id"] == TENANT]
    locked.run("keys", "revoke", mine["id"])
    until(lambda: asked(locked, secret) == 401)
    page.goto(f"{watched.url}/{EVERYTHING}")
    expect(page.locator("#key-reason")).to_contain_text("was revoked")
    expect(page.locator("#figures .tile")).to_have_count(0)
