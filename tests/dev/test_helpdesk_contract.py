"""The sample helpdesk keeps the contract its readers rely on, over HTTP."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest

from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer

TICKETS = "/external/support-tickets"


@pytest.fixture(scope="module")
def helpdesk() -> Iterator[HelpdeskServer]:
    with HelpdeskServer(HelpdeskSettings(tickets=345, limit=0)) as server:
        yield server


@pytest.fixture
def http(helpdesk: HelpdeskServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=helpdesk.url, trust_env=False) as client:
        yield client


def crawl(http: httpx.Client, page_size: int = 100) -> Iterator[dict[str, Any]]:
    page = 1
    while page is not None:
        shown = http.get(TICKETS, params={"page": page, "page_size": page_size}).json()
        assert shown.keys() == {"tickets", "next_page", "total_count"}
        yield shown
        page = shown["next_page"]


@pytest.mark.parametrize("page_size", [100, 69, 7])
def test_the_pages_show_every_ticket_exactly_once(
    helpdesk: HelpdeskServer, http: httpx.Client, page_size: int
) -> None:
    shown = list(crawl(http, page_size))

    assert [row for page in shown for row in page["tickets"]] == helpdesk.tickets()
    assert {page["total_count"] for page in shown} == {345}
    assert {len(page["tickets"]) for page in shown[:-1]} == {page_size}
    assert helpdesk.counts() == {
        tenant: len(helpdesk.tickets(tenant)) for tenant in helpdesk.counts()
    }


def test_pages_beyond_the_last_are_empty(http: httpx.Client) -> None:
    assert http.get(TICKETS, params={"page": 99}).json() == {
        "tickets": [],
        "next_page": None,
        "total_count": 345,
    }


@pytest.mark.parametrize("query", ["page_size=101", "page_size=0", "page=0", "page=two", "page="])
def test_pages_out_of_bounds_are_refused(http: httpx.Client, query: str) -> None:
    assert http.get(f"{TICKETS}?{query}").status_code == 422


def test_a_ticket_is_found_by_its_id_until_it_is_deleted(
    helpdesk: HelpdeskServer, http: httpx.Client
) -> None:
    ticket = helpdesk.tickets("pinequay")[0]
    detail = f"{TICKETS}/{ticket['id']}"

    assert http.get(detail).json() == ticket
    helpdesk.remove("pinequay", ticket["id"])
    assert http.get(detail).status_code == 404
    assert ticket["id"] in http.get("/external/deleted-tickets").json()["deleted_ids"]
    helpdesk.restore("pinequay", ticket["id"])
    assert http.get(detail).json() == ticket
    assert http.get("/external/deleted-tickets").json() == {"deleted_ids": []}


def test_a_ticket_can_vanish_without_being_listed_as_deleted(
    helpdesk: HelpdeskServer, http: httpx.Client
) -> None:
    ticket = helpdesk.tickets("quillbarn")[0]

    helpdesk.remove("quillbarn", ticket["id"], listed=False)

    assert http.get("/external/deleted-tickets").json() == {"deleted_ids": []}
    assert http.get(f"{TICKETS}/{ticket['id']}").status_code == 404
    helpdesk.restore("quillbarn", ticket["id"])


def test_a_deleted_id_can_be_given_anew(helpdesk: HelpdeskServer, http: httpx.Client) -> None:
    fresh = {**helpdesk.tickets()[0], "id": "again"}
    helpdesk.insert(fresh)
    helpdesk.remove(fresh["tenant_id"], "again")
    helpdesk.insert({**fresh, "subject": "New"})

    assert http.get(f"{TICKETS}/again").json()["subject"] == "New"
    assert http.get("/external/deleted-tickets").json() == {"deleted_ids": []}
    helpdesk.remove(fresh["tenant_id"], "again", listed=False)


def test_any_id_can_be_asked_for(helpdesk: HelpdeskServer, http: httpx.Client) -> None:
    odd = {**helpdesk.tickets()[0], "id": "a/b ü?#%"}
    helpdesk.insert(odd)

    assert http.get(f"{TICKETS}/a%2Fb%20%C3%BC%3F%23%25").json() == odd
    helpdesk.remove(odd["tenant_id"], odd["id"], listed=False)


def test_an_update_moves_updated_at_and_a_touch_nothing_else(helpdesk: HelpdeskServer) -> None:
    before = helpdesk.tickets()[5]
    tenant, ticket_id = before["tenant_id"], before["id"]

    helpdesk.update(tenant, ticket_id, status="on fire")
    updated = helpdesk.tickets()[5]
    helpdesk.touch(tenant, ticket_id, "2020-01-01T00:00:00Z")

    assert updated == {**before, "status": "on fire", "updated_at": updated["updated_at"]}
    assert updated["updated_at"] > before["updated_at"]
    assert helpdesk.tickets()[5] == {**updated, "updated_at": "2020-01-01T00:00:00Z"}


def test_rows_no_utf8_can_hold_are_served_as_they_are(
    helpdesk: HelpdeskServer, http: httpx.Client
) -> None:
    odd = {"id": "odd", "tenant_id": "acme", "subject": "\ud83d", "customer_id": 2**70}
    helpdesk.insert(odd, position=0)

    assert next(crawl(http))["tickets"][0] == odd
    helpdesk.remove("acme", "odd", listed=False)


def test_other_routes_and_methods_do_not_exist(http: httpx.Client) -> None:
    assert http.get("/health").json() == {"status": "ok"}
    assert http.get("/external/other").status_code == 404
    refused = http.post(TICKETS)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET")


def test_every_request_is_on_record(helpdesk: HelpdeskServer, http: httpx.Client) -> None:
    helpdesk.forget_requests()
    http.get(TICKETS, params={"page": 2})
    http.get("/external/nothing")
    http.get("/health")

    records = helpdesk.requests()
    assert [(r.method, r.path, r.query, r.status) for r in records] == [
        ("GET", TICKETS, "page=2", 200),
        ("GET", "/external/nothing", "", 404),
        ("GET", "/health", "", 200),
    ]
    assert all(a.arrived_monotonic < b.arrived_monotonic for a, b in pairwise(records))
