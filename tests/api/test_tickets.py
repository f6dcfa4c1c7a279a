"""One ticket and its history."""

from datetime import timedelta

import httpx
import pytest

from api.models import HistoryPage, TicketView
from infra import collections
from infra.mongo import Mongo
from tests.api.documents import NOON, change, store, ticket

pytestmark = pytest.mark.services


async def test_a_ticket_is_shown_as_promised(api: httpx.AsyncClient, mongo: Mongo) -> None:
    later = NOON + timedelta(milliseconds=7)
    await store(mongo, ticket("T-1", changed_at=later, purge_after=None))

    answer = await api.get("/tickets/T-1?tenant_id=acme")

    shown = answer.json()
    TicketView.model_validate(shown)
    assert set(shown) == set(TicketView.model_fields)
    assert (shown["created_at"], shown["changed_at"]) == (
        "2026-01-31T12:00:00.000Z",
        "2026-01-31T12:00:00.007Z",
    )
    assert shown["classification"]["matched"] == [{"rule": "money", "text": "charged twice"}]


async def test_a_deleted_ticket_is_shown_on_demand(api: httpx.AsyncClient, mongo: Mongo) -> None:
    await store(mongo, ticket("T-1", deleted_at=NOON))

    hidden = await api.get("/tickets/T-1?tenant_id=acme")
    shown = await api.get("/tickets/T-1?tenant_id=acme&include_deleted=true")

    assert (hidden.status_code, shown.status_code) == (404, 200)
    assert shown.json()["deleted_at"] == "2026-01-31T12:00:00.000Z"


async def test_a_history_is_read_oldest_first_page_by_page(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    changes = [change("T-1", version) for version in range(1, 11)]
    await mongo[collections.TICKET_HISTORY].insert_many([*changes, change("T-2", 1)])

    first = await api.get("/tickets/T-1/history?tenant_id=acme&limit=7")
    second = await api.get(first.links["next"]["url"])

    for answer in (first, second):
        HistoryPage.model_validate(answer.json())
    versions = [entry["version"] for a in (first, second) for entry in a.json()["history"]]
    assert versions == list(range(1, 11))
    assert second.json()["next_cursor"] is None


async def test_the_history_of_a_deleted_ticket_stays_readable(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    await store(mongo, ticket("T 1/ü", deleted_at=NOON))
    await mongo[collections.TICKET_HISTORY].insert_many(
        [change("T 1ü", 1), change("T 1ü", 2, action="deleted", changes=[])]
    )

    answer = await api.get("/tickets/T%201%C3%BC/history?tenant_id=acme&limit=1")
    rest = await api.get(answer.links["next"]["url"])

    assert [entry["action"] for entry in rest.json()["history"]] == ["deleted"]


async def test_the_active_generation_is_the_one_that_is_read(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    await store(mongo, ticket("T-1", subject="old"))
    await mongo["tickets_g2"].insert_one(ticket("T-1", subject="new"))
    await mongo[collections.READ_MODELS].update_one(
        {"_id": "active"}, {"$set": {"tickets": "tickets_g2"}}
    )

    assert (await api.get("/tickets/T-1?tenant_id=acme")).json()["subject"] == "new"
