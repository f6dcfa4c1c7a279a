"""What lists of tickets examine: little more than they show, or a bounded time of it."""

import random
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from api import scope
from api.walks import walk_for
from infra import collections
from infra.collections import ensure_collections
from infra.mongo import Document, Mongo
from infra.ticket_indexes import RETIRED_TICKET_INDEXES, TICKET_INDEXES
from tests.api.documents import NOON, store, ticket

LIMIT = 50
MINUTES = 4_000


def skewed_desk() -> list[Document]:
    """Of every field one value is rare and one is everywhere; a third of all is deleted."""
    rng = random.Random(8)

    def instant() -> datetime:
        return NOON + timedelta(minutes=rng.randrange(MINUTES))

    return [
        ticket(
            f"T-{number}",
            created_at=instant(),
            changed_at=instant(),
            status="escalated" if rng.random() < 0.02 else "open",
            urgency=rng.choices(["high", "medium", "low"], [3, 10, 87])[0],
            sentiment=rng.choices(["positive", "negative", "neutral"], [3, 10, 87])[0],
            requires_action=rng.random() < 0.03,
            source="fax" if rng.random() < 0.03 else "email",
            customer_id="C-small" if rng.random() < 0.03 else "C-large",
            deleted_at=NOON if rng.random() < 0.3 else None,
        )
        for number in range(4_000)
    ]


def since(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


Wanted = tuple[str, Any]
FIELDS: dict[str, list[Wanted]] = {
    field: [(f"{field}={value}", lambda t, f=field, v=value: t[f] == v) for value in values]
    for field, values in {
        "status": ["escalated", "open"],
        "urgency": ["high", "low"],
        "sentiment": ["positive", "neutral"],
        "source": ["fax", "email"],
        "customer_id": ["C-small", "C-large"],
    }.items()
} | {
    "requires_action": [
        ("requires_action=true", lambda t: t["requires_action"]),
        ("requires_action=false", lambda t: not t["requires_action"]),
    ],
    "external_id": [("external_id=T-17", lambda t: t["external_id"] == "T-17")],
    "created": [
        (
            "created_from=2026-02-01T12:00:00Z&created_to=2026-02-01T15:00:00Z",
            lambda t: since(1440) <= t["created_at"] < since(1620),
        )
    ],
    "changed": [
        ("updated_since=2026-02-01T12:00:00Z", lambda t: t["changed_at"] >= since(1440)),
        ("include_deleted=true", lambda t: True),
    ],
}
SINGLE = [one for some in FIELDS.values() for one in some]
PAIRS = [
    (f"{name}&{other_name}", lambda t, a=wanted, b=other: a(t) and b(t))
    for first in ("status", "urgency")
    for name, wanted in FIELDS[first]
    for second, others in FIELDS.items()
    if second != first
    for other_name, other in others
]
LISTS: list[Wanted] = [
    ("status=escalated,closed", lambda t: t["status"] == "escalated"),
    ("urgency=high,medium&sentiment=positive,negative",
     lambda t: t["urgency"] != "low" and t["sentiment"] != "neutral"),
    ("customer_id=C-small,C-none&status=open,escalated", lambda t: t["customer_id"] == "C-small"),
]  # fmt: skip
CASES = [("", lambda t: True), *SINGLE, *PAIRS, *LISTS]


def expected(tickets: list[Document], filters: str, wanted: Any, order: str) -> list[str]:
    """The ids of the first two pages, by a naive filter."""
    live = [t for t in tickets if t["deleted_at"] is None or "include_deleted" in filters]
    field = order.lstrip("-")
    # Ties go the other way round than instants, except by `changed_at`.
    backwards = order in {"created_at", "-changed_at"}
    rows = sorted((t for t in live if wanted(t)), key=lambda t: t["external_id"], reverse=backwards)
    rows.sort(key=lambda t: t[field], reverse=order.startswith("-"))
    return [t["external_id"] for t in rows[: 2 * LIMIT]]


@pytest.mark.services
@pytest.mark.parametrize("backwards", [False, True], ids=["usual", "reversed"])
async def test_a_filter_or_a_pair_examines_at_most_twice_what_it_shows(
    api: httpx.AsyncClient, mongo: Mongo, backwards: bool
) -> None:
    tickets = skewed_desk()
    await store(mongo, *tickets, *(ticket(f"T-{n}", tenant_id="globex") for n in range(500)))
    await mongo.database.command("profile", 2)

    wrong, asked = [], []
    for filters, wanted in CASES:
        by_change = "updated_since" in filters or "include_deleted" in filters
        usual = "changed_at" if by_change else "-created_at"
        order = (usual[1:] if usual[0] == "-" else f"-{usual}") if backwards else usual
        url = f"/tickets?tenant_id=acme&limit={LIMIT}&{filters}&sort={order}"
        rows: list[str] = []
        while url and len(rows) < 2 * LIMIT:
            answer = await api.get(url)
            rows += [row["external_id"] for row in answer.json()["tickets"]]
            asked.append(f"{filters}, to row {len(rows)}")
            url = answer.links.get("next", {}).get("url", "")
        if rows != expected(tickets, filters, wanted, order):
            wrong.append(filters)
    await mongo.database.command("profile", 0)

    assert not wrong
    queries = await profiled(mongo)
    assert len(queries) == len(asked) > len(CASES)
    assert not [
        (what, query["keysExamined"], query["docsExamined"], query["nreturned"])
        for what, query in zip(asked, queries, strict=True)
        if "IXSCAN" not in query["planSummary"]
        or max(query["keysExamined"], query["docsExamined"]) > 2 * query["nreturned"] + LIMIT + 1
    ]


async def profiled(mongo: Mongo, name: str = collections.TICKETS) -> list[Document]:
    """The lists of tickets that MongoDB saw, in order."""
    wanted = {"op": "query", "ns": f"{mongo.database.name}.{name}"}
    return await mongo["system.profile"].find(wanted).sort("$natural", 1).to_list(None)


def test_every_index_begins_with_the_tenant_and_is_walked_by_some_list() -> None:
    names = {index.document["name"]: list(index.document["key"]) for index in TICKET_INDEXES}
    field_sets = [
        {field: ["x"] for field in fields}
        for fields in (
            (), ("external_id",), ("urgency",), ("status",), ("customer_id", "urgency"),
            ("customer_id", "status"), ("source", "urgency"), ("source", "status"),
        )
    ]  # fmt: skip
    orders = ("created_at", "updated_at", "changed_at")

    walks = [walk_for(order, filters) for order in orders for filters in field_sets]

    assert {walk.index_name for walk in walks if walk} | {"purge"} == set(names)
    assert {keys[0] for name, keys in names.items() if name != "purge"} == {"tenant_id"}


def test_more_values_than_can_be_merged_are_left_to_the_server() -> None:
    assert walk_for("created_at", {"status": [str(n) for n in range(5)]}) is not None
    assert walk_for("created_at", {"status": [str(n) for n in range(6)]}) is None


@pytest.mark.services
async def test_a_long_list_of_values_is_answered_all_the_same(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    await store(mongo, *(ticket(f"T-{n}", customer_id=f"C-{n}") for n in range(150)))
    many = ",".join(f"C-{n}" for n in range(120))

    first = await api.get(f"/tickets?tenant_id=acme&customer_id={many}&limit=100")
    second = await api.get(first.links["next"]["url"])

    assert [len(answer.json()["tickets"]) for answer in (first, second)] == [100, 20]


@pytest.mark.services
async def test_what_takes_too_long_is_refused_with_advice(
    api: httpx.AsyncClient, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store(mongo, *(ticket(f"T-{n}", message="word " * 500) for n in range(2_000)))
    monkeypatch.setattr(scope, "_LONGEST_LIST_MS", 1)

    slow = await api.get("/tickets?tenant_id=acme&q=absent&status=open")
    counted = await api.get("/tickets?tenant_id=acme&q=absent&limit=1&include_total=true")

    for answer in (slow, counted):
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:deskstream:problem:too-much-to-read"
    assert "created_from..created_to, or add urgency or customer_id" in slow.json()["detail"]
    assert "include_total" in counted.json()["detail"]


@pytest.mark.services
async def test_lists_work_while_an_upgrade_still_makes_their_indexes(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    await store(mongo, *skewed_desk()[:100])
    url = "/tickets?tenant_id=acme&status=open&include_total=true"
    with_index = (await api.get(url)).json()

    await mongo[collections.TICKETS].drop_index("status_labels")

    assert (await api.get(url)).json() == with_index


@pytest.mark.services
async def test_an_upgrade_renews_the_indexes_of_the_tickets_that_are_read(mongo: Mongo) -> None:
    for name in ("tickets", "tickets_g2"):
        await mongo[name].create_index([("tenant_id", 1), ("status", 1)], name="status")
    await mongo[collections.READ_MODELS].update_one(
        {"_id": "active"}, {"$set": {"tickets": "tickets_g2"}}
    )

    await ensure_collections(mongo)

    for name in ("tickets", "tickets_g2"):
        made = set(await mongo[name].index_information())
        assert made == {"_id_"} | {index.document["name"] for index in TICKET_INDEXES}
        assert not made & RETIRED_TICKET_INDEXES


def bare(external_id: str, minutes: int) -> Document:
    """As little of a ticket as a list needs, for tests that need many."""
    fields = {"tenant_id": "acme", "external_id": external_id, "created_at": since(minutes)}
    return {"_id": external_id, **fields, "deleted_at": None}


async def fill_generation(mongo: Mongo, name: str, count: int) -> None:
    """Make `name` the tickets that are read: so many of them, and the index of their list."""
    for first in range(0, count, 25_000):
        rows = [bare(f"T-{n}", n % 50_000) for n in range(first, first + 25_000)]
        await mongo[name].insert_many(rows, ordered=False)
    await mongo[name].create_indexes([i for i in TICKET_INDEXES if i.document["name"] == "newest"])
    await mongo[collections.READ_MODELS].update_one({"_id": "active"}, {"$set": {"tickets": name}})


@pytest.mark.services
async def test_the_last_of_many_pages_examines_no_more_than_the_first(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    """100,000 tickets are paged through while 1,000 arrive: each old one is shown once."""
    await fill_generation(mongo, "tickets_g2", 100_000)
    url, shown, new = "/tickets?tenant_id=acme&limit=1000", [], 0
    await mongo.database.command("profile", 2)
    while url:
        answer = await api.get(url)
        shown += [row["external_id"] for row in answer.json()["tickets"]]
        url = answer.links.get("next", {}).get("url", "")
        rows = [bare(f"N-{n}", n * 50) for n in range(new, new + 10)]
        await mongo["tickets_g2"].insert_many(rows)
        new += 10
    await mongo.database.command("profile", 0)

    assert new >= 1_000
    assert len(set(shown)) == len(shown)
    assert sum(external_id[0] == "T" for external_id in shown) == 100_000
    examined = [query["keysExamined"] for query in await profiled(mongo, "tickets_g2")]
    assert len(examined) >= 100
    assert examined[0] >= 1_001
    assert max(examined) <= examined[0] + 2  # where a cursor stands, one more on either side
