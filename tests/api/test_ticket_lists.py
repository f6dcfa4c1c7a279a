"""Lists of tickets: filters, orders, and pages that neither lose nor repeat a row."""

import random
from datetime import timedelta
from operator import itemgetter
from typing import Any

import httpx
import pytest

from api.models import TicketPage
from infra import collections
from infra.mongo import Document, Mongo
from tests.api.documents import NOON, store, ticket

pytestmark = pytest.mark.services

ORDERS = ["created_at", "-created_at", "updated_at", "-updated_at", "changed_at", "-changed_at"]


def desk(seed: int, count: int) -> list[Document]:
    """Tickets that share instants, so that ties must be settled."""
    rng = random.Random(seed)
    return [
        ticket(
            f"T-{number}",
            created_at=NOON + timedelta(minutes=rng.randrange(9)),
            updated_at=NOON + timedelta(minutes=rng.randrange(9)),
            changed_at=NOON + timedelta(minutes=rng.randrange(9)),
            status=rng.choice(["open", "pending", "waiting, really"]),
            urgency=rng.choice(["high", "medium", "low"]),
            sentiment=rng.choice(["negative", "neutral"]),
            requires_action=rng.random() < 0.5,
            source=rng.choice(["email", "web", None]),
            customer_id=rng.choice(["C-1", "C-2", None]),
            deleted_at=NOON if rng.random() < 0.1 else None,
        )
        for number in range(count)
    ]


async def walk(api: httpx.AsyncClient, url: str) -> list[dict[str, Any]]:
    """All rows, link by link."""
    rows: list[dict[str, Any]] = []
    while url:
        answer = await api.get(url)
        assert answer.status_code == 200, answer.text
        TicketPage.model_validate(answer.json())
        rows += answer.json()["tickets"]
        url = answer.links["next"]["url"] if "next" in answer.links else ""
    return rows


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["external_id"] for row in rows]


@pytest.mark.parametrize("order", ORDERS)
async def test_a_walk_shows_every_live_ticket_once_in_order(
    api: httpx.AsyncClient, mongo: Mongo, order: str
) -> None:
    tickets = desk(1, 80)
    await store(mongo, *tickets)

    rows = await walk(api, f"/tickets?tenant_id=acme&limit=7&sort={order}")

    live = {t["external_id"] for t in tickets if t["deleted_at"] is None}
    assert len(rows) == len(live)
    assert set(ids(rows)) == live
    shown = [row[order.lstrip("-")] for row in rows]
    assert shown == sorted(shown, reverse=order.startswith("-"))


async def test_a_walk_is_stable_while_tickets_arrive(api: httpx.AsyncClient, mongo: Mongo) -> None:
    tickets = desk(2, 60)
    await store(mongo, *tickets)
    url, rows, new = "/tickets?tenant_id=acme&limit=5", [], 0

    while url:
        answer = await api.get(url)
        rows += answer.json()["tickets"]
        moment = NOON + timedelta(minutes=new % 12)
        await store(mongo, ticket(f"NEW-{new}", created_at=moment))
        new += 1
        url = answer.links["next"]["url"] if "next" in answer.links else ""

    old = [row for row in ids(rows) if not row.startswith("NEW")]
    assert len(set(ids(rows))) == len(rows)
    assert sorted(old) == sorted(t["external_id"] for t in tickets if t["deleted_at"] is None)


FILTERS: list[tuple[str, Any]] = [
    ("status=open", lambda t: t["status"] == "open"),
    ("status=open,pending", lambda t: t["status"] in {"open", "pending"}),
    ("urgency=high,low", lambda t: t["urgency"] != "medium"),
    ("sentiment=negative", lambda t: t["sentiment"] == "negative"),
    ("source=web", lambda t: t["source"] == "web"),
    ("customer_id=C-1,C-2", lambda t: t["customer_id"] is not None),
    ("requires_action=true", lambda t: t["requires_action"]),
    (
        "requires_action=false&urgency=high",
        lambda t: not t["requires_action"] and t["urgency"] == "high",
    ),
    ("created_from=2026-01-31T12:03:00Z", lambda t: t["created_at"] >= NOON + timedelta(minutes=3)),
    (
        "created_to=2026-01-31T13:03:00%2B01:00",
        lambda t: t["created_at"] < NOON + timedelta(minutes=3),
    ),
    (
        "created_to=2026-01-31T13:03:00+01:00",
        lambda t: t["created_at"] < NOON + timedelta(minutes=3),
    ),
    (
        "updated_since=2026-01-31T12:04:00Z",
        lambda t: t["changed_at"] >= NOON + timedelta(minutes=4),
    ),
    ("external_id=T-8", lambda t: t["external_id"] == "T-8"),
]


@pytest.mark.parametrize(("filters", "wanted"), FILTERS, ids=[name for name, _ in FILTERS])
async def test_a_filter_shows_what_matches_and_counts_it(
    api: httpx.AsyncClient, mongo: Mongo, filters: str, wanted: Any
) -> None:
    tickets = desk(3, 90)
    await store(mongo, *tickets, *(ticket(f"T-{n}", tenant_id="globex") for n in range(9)))

    url = f"/tickets?tenant_id=acme&{filters}"
    rows = await walk(api, f"{url}&limit=11")
    counted = await api.get(f"{url}&include_total=true&limit=1")

    expected = {t["external_id"] for t in tickets if t["deleted_at"] is None and wanted(t)}
    assert expected
    assert sorted(ids(rows)) == sorted(expected)
    assert counted.json()["total"] == len(expected)


async def test_who_follows_changes_hears_of_deletions(api: httpx.AsyncClient, mongo: Mongo) -> None:
    later = NOON + timedelta(hours=1)
    await store(mongo, ticket("T-1"), ticket("T-2", deleted_at=later, changed_at=later))

    rows = await walk(
        api, "/tickets?tenant_id=acme&include_deleted=true&updated_since=2026-01-31T12:30:00Z"
    )

    assert [(row["external_id"], row["deleted_at"]) for row in rows] == [
        ("T-2", "2026-01-31T13:00:00.000Z")
    ]


async def test_who_follows_changes_hears_of_each_and_its_last_state(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    """Also where many changes share an instant, and a page ends among them."""
    rng = random.Random(9)
    tickets = {f"T-{n}": ticket(f"T-{n}") for n in range(40)}
    await store(mongo, *tickets.values())
    heard: dict[str, tuple[int, bool]] = {}
    since = "2026-01-01T00:00:00.000Z"

    for poll in range(8):
        url = f"/tickets?tenant_id=acme&include_deleted=true&updated_since={since}&limit=3"
        for row in await walk(api, url):
            heard[row["external_id"]] = row["version"], row["deleted_at"] is not None
            since = row["changed_at"]
        now = NOON + timedelta(minutes=poll // 2)  # as late as the last row that was heard of
        for changed in rng.sample(sorted(tickets), 9):
            document = tickets[changed]
            document["version"] += 1
            document["changed_at"] = now
            document["deleted_at"] = rng.choice([None, now])
            await mongo[collections.TICKETS].replace_one({"_id": document["_id"]}, document)
    for row in await walk(
        api, f"/tickets?tenant_id=acme&include_deleted=true&updated_since={since}"
    ):
        heard[row["external_id"]] = row["version"], row["deleted_at"] is not None

    assert heard == {
        external_id: (document["version"], document["deleted_at"] is not None)
        for external_id, document in tickets.items()
    }


async def test_pages_by_number_hold_what_the_walk_holds(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    await store(mongo, *desk(4, 50))
    by_cursor = await walk(api, "/tickets?tenant_id=acme&limit=8")

    by_number = await walk(api, "/v1/tickets?tenant_id=acme&page=1&page_size=8")
    third = await api.get("/tickets?tenant_id=acme&page=3&page_size=8")

    assert by_number == by_cursor
    assert (third.json()["page"], third.json()["tickets"]) == (3, by_cursor[16:24])


async def test_a_link_leads_on_by_cursor_where_numbers_end(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    documents = (ticket(f"T-{n}", created_at=NOON + timedelta(seconds=n)) for n in range(10_002))
    await store(mongo, *documents)

    last = await api.get("/tickets?tenant_id=acme&page=10&page_size=1000&sort=created_at")
    beyond = await api.get(last.links["next"]["url"])

    assert ids(beyond.json()["tickets"]) == ["T-10000", "T-10001"]


async def test_a_cursor_serves_no_other_filter(api: httpx.AsyncClient, mongo: Mongo) -> None:
    await store(mongo, *desk(5, 20))
    first = await api.get("/tickets?tenant_id=acme&limit=2")
    cursor = first.json()["next_cursor"]

    for other in (
        "tenant_id=globex",
        "tenant_id=acme&status=open",
        "tenant_id=acme&sort=created_at",
    ):
        answer = await api.get(f"/tickets?{other}&cursor={cursor}")
        assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "cursor")


async def test_urgent_tickets_come_oldest_first(api: httpx.AsyncClient, mongo: Mongo) -> None:
    tickets = desk(6, 120)
    await store(mongo, *tickets)

    rows = await walk(api, "/tickets/urgent?tenant_id=acme&limit=3")

    urgent = [
        (t["created_at"], t["external_id"])
        for t in tickets
        if t["deleted_at"] is None and t["urgency"] == "high" and t["requires_action"]
    ]
    urgent.sort(key=itemgetter(1), reverse=True)
    urgent.sort(key=itemgetter(0))
    assert ids(rows) == [external_id for _, external_id in urgent]


@pytest.mark.parametrize("odd", ["a/b", "..", "ü ?#&", "urgent", "export", "50%", "a,b"])
async def test_an_odd_id_is_found_by_parameter(
    api: httpx.AsyncClient, mongo: Mongo, odd: str
) -> None:
    await store(mongo, ticket(odd), ticket("other"))

    answer = await api.get("/tickets", params={"tenant_id": "acme", "external_id": odd})

    assert ids(answer.json()["tickets"]) == [odd]


async def test_every_order_walks_an_index(api: httpx.AsyncClient, mongo: Mongo) -> None:
    await store(mongo, *desk(7, 2_000))
    await mongo.database.command("profile", 2)
    for order in ORDERS:
        url = f"/tickets?tenant_id=acme&limit=20&sort={order}"
        for _ in range(3):
            url = (await api.get(url)).links["next"]["url"]
    await api.get("/tickets/urgent?tenant_id=acme")
    await mongo.database.command("profile", 0)

    wanted = {"op": "query", "ns": f"{mongo.database.name}.{collections.TICKETS}"}
    queries = await mongo["system.profile"].find(wanted).to_list(None)

    assert len(queries) == 3 * len(ORDERS) + 1
    assert not [query for query in queries if query.get("hasSortStage")]
    assert max(query["docsExamined"] for query in queries) < 200
