"""What one does with the page: runs, alerts, circuits, keys; and how it asks by itself."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect

from dev.helpdesk.faults import SlowAnswer
from tests.browser.office import EVERYTHING, TENANT, Office
from tests.browser.watched import Watched, accessibility, figure

pytestmark = [pytest.mark.services, pytest.mark.browser]

STATISTICS = re.compile(r"/stats\?")
API = re.compile(r"//[^/]+/(tickets|tenants|ingest|alerts|circuit|health|status|whoami)\b")


def test_a_run_is_started_watched_and_stopped(office: Office, watched: Watched) -> None:
    watched.expected = (409,)
    office.helpdesk.install_faults([SlowAnswer(route="tickets", seconds=1.5, times=None)])
    page, late = watched.open(EVERYTHING), watched.open(EVERYTHING)
    for one in (page, late):
        figure(one)
        one.get_by_role("button", name="Pause").click()

    page.get_by_role("button", name="Start a run").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    with late.expect_response(re.compile("/ingest/run")) as refusal:
        late.get_by_role("button", name="Start a run").click()
    assert refusal.value.status == 409
    detail = refusal.value.json()["detail"]
    expect(late.locator("#run-control .trouble")).to_have_text(
        re.compile(re.escape(detail), re.IGNORECASE)
    )
    expect(late.get_by_role("progressbar")).to_be_visible()
    bar = page.get_by_role("progressbar")
    expect(bar).not_to_have_js_property("value", 0)
    expect(page.locator("#run-control .says")).to_contain_text("reads the helpdesk")
    expect(page.get_by_role("button", name="Stop it")).to_be_focused()
    page.get_by_role("button", name="Stop it").click()

    first = page.locator("#runs .rows > li").first
    expect(first).to_contain_text("cancelled")
    expect(page.get_by_role("button", name="Start a run")).to_be_focused()
    expect(page.locator("#announcer")).to_contain_text("The run has ended: cancelled")
    office.helpdesk.remove_faults()
    assert office.get("/ingest/status", tenant_id=TENANT)["last_run"]["status"] == "CANCELLED"


def test_a_run_goes_on_to_its_end_and_the_figures_follow(office: Office, watched: Watched) -> None:
    page = watched.open(EVERYTHING)
    before = figure(page)
    some = office.helpdesk.tickets(TENANT)[:3]
    office.helpdesk.insert(*({**t, "id": f"new-{t['id']}"} for t in some))

    page.get_by_role("button", name="Start a run").click()
    expect(page.locator("#announcer")).to_contain_text("The run has ended: completed")
    expect(page.locator("#runs .rows > li").first).to_contain_text("3 new")
    expect(page.locator("#figures b").first).to_have_text(str(int(before) + 3))


def test_an_alert_is_sent_again_and_a_circuit_closed(office: Office, watched: Watched) -> None:
    page = watched.open(EVERYTHING)
    expect(page.locator("#alerts .gist")).to_have_text(
        "1 alert to be delivered, 2 alerts refused for good."
    )

    page.get_by_role("button", name="Send again the alert of T-2").click()

    expect(page.locator("#alerts .gist")).to_have_text(
        "2 alerts to be delivered, 1 alert refused for good."
    )
    assert office.get("/alerts/to-retry", tenant_id=TENANT)["state"] == "pending"
    receiver = page.locator("#circuits li").filter(has_text="Receiver of alerts")
    expect(receiver).to_contain_text("no calls")
    page.get_by_role("button", name="Reset the circuit: Receiver of alerts").click()
    expect(receiver).to_contain_text("calls go out")
    assert office.get("/circuit/notify/status")["state"] == "closed"
    expect(page.locator("#circuits h2")).to_be_focused()  # its button is gone


class Locked:
    """Answers as an API with keys does, in front of the real one; and knows what it let in."""

    KEY = "a-good-key"

    def __init__(self, *scopes: str) -> None:
        self.let_in = 0
        self.who = {"access": "key", "key_id": "k1", "name": "support", "tenant_id": TENANT}
        self.who |= {"scopes": list(scopes)}  # type: ignore[dict-item]

    def __call__(self, route: Route, request: Request) -> None:
        """Answer, or let the request through."""
        given = request.headers.get("authorization")
        path = request.url.split("?")[0]
        if given != f"Bearer {self.KEY}":
            reason = "the key is not known" if given else "an access key is wanted"
            _refuse(route, 401, reason)
        elif path.endswith("/whoami"):
            route.fulfill(json=self.who)
        elif path.endswith("/tenants"):
            route.fulfill(json={"tenants": [TENANT]})
        elif path.endswith("/status") and "/ingest/" not in path and "/circuit/" not in path:
            route.fulfill(json=STATUS)
        elif "/alerts" in path:
            _refuse(route, 403, "the key may not read alerts")
        else:
            self.let_in += 1
            route.continue_()


STATUS: dict[str, Any] = {
    "lag": [
        {"consumer": "tickets", "topic": "tickets.changes", "partition": p, "events": 5,
         "seconds": 3.0 * p, "halted": p == 1} for p in range(3)
    ],
    "lag_events": 15,
    "lag_seconds": 6.0,
    "alerts": {"pending": 1, "in_flight": 0, "dead_letters": 0, "oldest_seconds": 3.0},
    "circuits": {},
    "parked": 2,
}  # fmt: skip


def _refuse(route: Route, status: int, detail: str) -> None:
    body = {"type": "urn:deskstream:problem:refused", "status": status, "detail": detail}
    route.fulfill(status=status, content_type="application/problem+json", body=json.dumps(body))


def _enter(page: Page, key: str) -> None:
    """Give a key, as the dialog asks for it."""
    field = page.get_by_label("Key", exact=True)
    expect(field).to_be_focused()
    field.fill(key)
    page.keyboard.press("Enter")


def test_a_key_is_asked_for_and_kept_in_the_tab(watched: Watched) -> None:
    watched.expected = (401, 403)
    page, locked = watched.blank(), Locked("tickets:read", "stats:read")
    page.route(API, locked)
    page.goto(f"{watched.url}/")
    expect(page.locator("#key-reason")).to_contain_text("an access key is wanted")
    assert accessibility(page) == []

    _enter(page, "a-wrong-key")
    expect(page.locator("#key-reason")).to_contain_text("the key is not known")
    assert locked.let_in == 0
    _enter(page, Locked.KEY)
    figure(page)
    assert page.evaluate("[Object.keys(localStorage).length, document.cookie]") == [0, ""]
    assert page.evaluate("Object.values(sessionStorage)") == [Locked.KEY]
    assert not [url for url in watched.asked if Locked.KEY in url]
    page.get_by_role("button", name="Forget key").click()

    expect(page.get_by_label("Key", exact=True)).to_be_focused()
    assert page.evaluate("sessionStorage.length") == 0
    left = page.locator("#figures .tile, #urgent li, #trend td, #keywords td")
    expect(left).to_have_count(0)  # nothing that the key could see


def test_what_a_key_may_not_do_is_not_offered(watched: Watched) -> None:
    watched.expected = (401, 403)
    page = watched.blank()
    page.route(API, Locked("tickets:read", "stats:read"))
    page.goto(f"{watched.url}/")
    _enter(page, Locked.KEY)

    figure(page)
    expect(page.get_by_label("Tenant")).to_have_value(TENANT)
    expect(page.locator("#system table")).to_contain_text("1 partition stands still")
    expect(page.locator("#system .gist")).to_have_text("15 records wait, the oldest for 6 s.")
    expect(page.locator("#system")).to_contain_text("2 tickets are parked")
    expect(page.locator("#alerts .state")).to_contain_text("may not read alerts")
    expect(page.get_by_role("button", name="Start a run")).to_be_disabled()
    expect(page.get_by_role("button", name=re.compile("^Reset"))).to_have_count(0)


def test_a_tenant_that_is_not_in_the_list_is_not_replaced(watched: Watched) -> None:
    watched.expected = (404,)
    page = watched.blank()
    names = {"tenants": [TENANT, "harbortide"]}
    page.route(re.compile(r"//[^/]+/tenants$"), lambda route: route.fulfill(json=names))
    page.goto(f"{watched.url}/?tenant=nobody")
    expect(page.locator("#banner")).to_contain_text("No ticket of tenant nobody was ever seen")
    expect(page.get_by_label("Tenant")).to_have_value("nobody")

    page.get_by_label("Tenant").select_option("harbortide")

    figure(page)
    expect(page.locator("#banner")).to_be_hidden()
    assert "tenant=harbortide" in page.url


def test_it_asks_again_by_itself_but_not_unseen(watched: Watched) -> None:
    page = watched.blank()
    page.clock.install()
    page.goto(f"{watched.url}/{EVERYTHING}")
    figure(page)
    hide = """(hidden) => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    watched.wait_until_quiet(page)

    with page.expect_request(STATISTICS):
        page.clock.run_for(16_000)
    watched.wait_until_quiet(page)
    page.evaluate(hide, True)
    assert not _asks(watched, page)
    with page.expect_request(STATISTICS):
        page.evaluate(hide, False)
    watched.wait_until_quiet(page)
    page.get_by_role("button", name="Pause").click()
    assert not _asks(watched, page)
    expect(page.get_by_role("button", name="Pause")).to_have_attribute("aria-pressed", "true")


def _asks(watched: Watched, page: Page) -> bool:
    """True if the page asks for anything in the next two minutes of its clock."""
    before = len(watched.asked)
    page.clock.run_for(120_000)
    watched.wait_until_quiet(page)
    return len(watched.asked) > before


def test_it_says_that_an_answer_takes_long(watched: Watched) -> None:
    page, held = watched.blank(), list[Route]()
    page.route(re.compile("/stats/trend"), lambda route: held.append(route))
    page.clock.install()
    page.goto(f"{watched.url}/{EVERYTHING}")
    figure(page)  # the others do not wait for it
    page.clock.run_for(5_000)
    expect(page.locator("#trend .state")).to_have_text("Still waiting for an answer…")
    expect(page.locator("#banner")).to_contain_text("take long")
    held[0].continue_()
    expect(page.locator("#trend canvas")).to_be_visible()
