"""What the page shows is what is there, as text, to everybody."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.recount import recount
from tests.browser.office import EVERYTHING, IMAGE, LINK, QUIET, SCRIPT, TENANT, Office
from tests.browser.watched import Watched, accessibility

pytestmark = [pytest.mark.services, pytest.mark.browser]

DRAWN = """
Chart.getChart(document.querySelector("#trend canvas")).data.datasets
  .map(({ data }) => data.reduce((sum, height) => sum + height, 0))
"""
OVERFLOW = """
[...document.querySelectorAll("body *")]
  .filter((node) => node.getBoundingClientRect().right > innerWidth + 0.5)
  .filter((node) => !node.closest(".scrolled, .unseen"))
  .map((node) => node.outerHTML.slice(0, 100))
"""


def rows(table: Locator) -> list[list[str]]:
    """The cells of a table's body, row by row."""
    read: list[list[str]] = table.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent.trim()))"
    )
    return read


def loaded(page: Page) -> Page:
    """The page, once the figures and the urgent tickets are there."""
    expect(page.locator("#figures .tile")).to_have_count(4)
    expect(page.locator("#urgent .rows > li").first).to_be_visible()
    return page


def numbers(table: Locator) -> dict[str, int]:
    """The last cell of each row by its label, signs left out."""
    return {row[0].lstrip("▲◆▽ \n"): int(row[-1].replace(",", "")) for row in rows(table)}


def test_the_figures_are_those_of_a_recount(office: Office, watched: Watched) -> None:
    page = loaded(watched.open(EVERYTHING))
    told = recount(office.tickets(), None, None)

    tiles = [int(t.replace(",", "")) for t in page.locator("#figures b").all_inner_texts()]
    urgencies, statuses = page.locator("#shares table").all()
    customers = rows(page.locator("#customers table"))

    needed, negative = told["requires_action_count"], told["by_sentiment"]["negative"]
    assert tiles == [told["total_tickets"], told["by_urgency"]["high"], needed, negative]
    assert numbers(urgencies) == told["by_urgency"]
    assert numbers(statuses) == {s.replace("_", " "): n for s, n in told["by_status"].items()}
    assert list(numbers(page.locator("#keywords table")).items()) == [
        (row["keyword"], row["count"]) for row in told["top_keywords"]
    ]
    assert [row[0] for row in customers] == [r["customer_id"] for r in told["at_risk_customers"]]
    assert [int(row[-1]) for row in customers] == [
        row["open_total"] for row in told["at_risk_customers"]
    ]


def test_the_chart_has_a_table_with_the_same_figures(office: Office, watched: Watched) -> None:
    page = loaded(watched.open(EVERYTHING))
    for interval, name in (("hour", "24 hours"), ("day", "30 days"), ("week", "12 weeks")):
        page.get_by_label(name).check()
        expect(page.locator("#trend canvas")).to_have_attribute("aria-label", _of(interval))
        query = {"interval": interval, "tz": "Europe/Berlin"}
        told = office.get(f"/tenants/{TENANT}/stats/trend", **query)

        shown = rows(page.locator("#trend table"))

        assert [[int(n) for n in row[1:]] for row in shown] == [
            [point["count"], point["high"]] for point in told["points"]
        ]
        drawn = page.evaluate(DRAWN)
        assert drawn == [told["high"], told["count"] - told["high"]]


def _of(interval: str) -> re.Pattern[str]:
    return re.compile(f"by {interval};")


def test_urgent_tickets_come_oldest_first_without_those_that_are_done(
    office: Office, watched: Watched
) -> None:
    page = loaded(watched.open(EVERYTHING))
    high = [t for t in office.tickets() if t["urgency"] == "high" and t["requires_action"]]
    high.sort(key=lambda t: t["created_at"])
    waiting = [t["subject"] for t in high if t["status"] not in ("resolved", "closed")]

    first = page.locator("#urgent .subject").all_inner_texts()
    page.locator("#urgent .more").click()
    expect(page.locator("#urgent .subject")).to_have_count(min(20, len(waiting)))
    page.get_by_label("also resolved and closed").check()
    expect(page.locator("#urgent .subject").first).to_have_text(high[0]["subject"])
    with_done = page.locator("#urgent .subject").all_inner_texts()

    assert len(waiting) > 10
    assert first == waiting[:10]
    assert with_done == [t["subject"] for t in high][:20]


def test_what_customers_write_is_text(office: Office, watched: Watched) -> None:
    page = loaded(watched.open(f"{EVERYTHING}&ticket={office.hostile}"))
    drawer = page.locator("#ticket")

    expect(drawer.locator("h2")).to_have_text(f"Production down {IMAGE}")
    expect(drawer.locator(".message")).to_have_text(f"Production is down. {SCRIPT} {LINK}")
    expect(drawer.locator("mark").first).to_have_text("Production down")
    assert drawer.locator(".reasons q").count() >= 1
    (changed,) = drawer.locator(".past > li").filter(has_text="updated").all()
    fields = changed.locator("dt").all_inner_texts()
    assert {"subject", "message", "customer id", "status"} <= set(fields)
    status = changed.locator(".changes > div").filter(has=page.get_by_text("status", exact=True))
    expect(status.locator("del")).to_have_text("from open")
    expect(status.locator("ins")).to_have_text(f"to odd {IMAGE}")
    assert accessibility(page) == []
    page.keyboard.press("Escape")
    for panel in ("#shares", "#urgent", "#alerts"):
        expect(page.locator(panel)).to_contain_text("<img src=x")
    assert page.locator("img").count() == 1  # our own, in the heading
    assert page.locator("svg:not(.bar), a[href^=javascript], body script").count() == 0
    assert page.title() == f"{TENANT} · Deskstream"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_in_both_schemes(watched: Watched, scheme: Any) -> None:
    page = loaded(watched.open(EVERYTHING, color_scheme=scheme))
    page.locator("#trend summary").click()
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert accessibility(page) == []
    assert ground == {"light": "rgb(243, 245, 248)", "dark": "rgb(15, 20, 25)"}[scheme]


def test_it_fits_a_phone(office: Office, watched: Watched) -> None:
    page = loaded(watched.open(EVERYTHING, viewport={"width": 375, "height": 812}))

    assert page.evaluate("document.documentElement.scrollWidth") == 375
    assert page.evaluate(OVERFLOW) == []
    page.goto(f"{office.url}/{EVERYTHING}&ticket={office.hostile}")
    expect(page.locator("#ticket .message")).to_be_visible()
    assert page.locator("#ticket").evaluate("node => node.scrollWidth <= node.clientWidth")
    assert page.evaluate(OVERFLOW) == []
    small = page.locator("button:visible, select:visible").evaluate_all(
        "nodes => nodes.filter((n) => n.getBoundingClientRect().height < 24).length"
    )
    assert small == 0


def test_all_of_it_can_be_reached_with_a_keyboard(watched: Watched) -> None:
    page = loaded(watched.open(EVERYTHING))
    focused = page.locator(":focus")

    page.keyboard.press("Tab")
    expect(focused).to_have_text("Skip to the figures")
    expect(focused).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    wanted = page.locator("#urgent .subject").nth(1)
    seen = _tab_to(page, wanted)
    page.keyboard.press("Enter")
    expect(page.locator("#ticket .message")).to_be_visible()
    for _ in range(3):  # nothing behind the drawer can be reached
        page.keyboard.press("Tab")
        assert page.evaluate("!document.activeElement.closest('main, header, footer')")
    page.keyboard.press("Escape")
    expect(page.locator("#ticket")).to_be_hidden()
    expect(wanted).to_be_focused()
    assert "24 hours" in seen
    after = _tab_to(page, page.get_by_role("link", name="the API"))
    assert {"Start a run", "Send again the alert of T-1", "Show more"} <= set(after)


def _tab_to(page: Page, wanted: Locator) -> list[str]:
    """Press Tab until something has the focus; the names of what had it, each visibly."""
    names: list[str] = []
    for _ in range(80):
        page.keyboard.press("Tab")
        name, is_seen = page.evaluate(
            """() => {
              const node = document.activeElement;
              const shown = node.matches(".switch input") ? node.nextElementSibling : node;
              const style = getComputedStyle(shown);
              const label = node.ariaLabel ?? (node.labels?.[0] ?? node).textContent.trim();
              return [label, style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2];
            }"""
        )
        assert is_seen, f"the focus on {name!r} cannot be seen"
        names.append(name)
        if wanted.evaluate("node => node === document.activeElement"):
            return names
    raise AssertionError(f"not reached; the focus was on {names}")


def test_where_there_is_nothing_it_says_so(watched: Watched) -> None:
    watched.expected = (404,)
    unknown = watched.open("?tenant=nobody")
    expect(unknown.locator("#banner")).to_contain_text("No ticket of tenant nobody was ever seen")
    expect(unknown.locator("#urgent .state")).to_have_text("Nothing of this tenant is known.")
    quiet = watched.open(f"?tenant={QUIET}&range=24h")
    expect(quiet.locator("#shares .state")).to_contain_text("No live tickets were created")
    expect(quiet.locator("#figures b").first).to_have_text("0")
    expect(quiet.locator("#trend .state")).to_contain_text("No tickets were created")
    expect(unknown.locator("#runs > .state")).to_have_text("No run has ended yet.")
    assert accessibility(quiet) == []


def test_without_a_list_of_tenants_one_is_typed(watched: Watched) -> None:
    page = watched.blank()
    unserved = re.compile(r"//[^/]+/(whoami|tenants|status)$")
    page.route(unserved, lambda route: route.fulfill(status=404, json={}))
    page.goto(f"{watched.url}/")
    expect(page.locator("#banner")).to_have_text("Which tenant? Type its id above.")
    expect(page.locator("#trend")).to_be_hidden()
    page.get_by_label("Tenant").fill(TENANT)
    page.keyboard.press("Enter")
    loaded(page)
    page.get_by_label("Created in").select_option("7d")
    expect(page.locator("#figures .tile")).to_have_count(4)

    assert page.url.endswith(f"?tenant={TENANT}&range=7d")
    expect(page.locator("#system")).to_contain_text("The lag is not told here")


def test_lag_is_shown_as_the_api_tells_it(office: Office, watched: Watched) -> None:
    page = loaded(watched.open(EVERYTHING))
    consumers = list(dict.fromkeys(row["consumer"] for row in office.get("/status")["lag"]))

    expect(page.locator("#system tbody th")).to_have_text(consumers)
