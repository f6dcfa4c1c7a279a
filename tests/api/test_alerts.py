"""`/alerts`, and the metrics that show what waits."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pymongo import DESCENDING

from infra import collections
from infra.alert_backlog import Backlog, read_backlog
from infra.mongo import Mongo
from tests.api.documents import NOON, alert

pytestmark = pytest.mark.services


async def test_an_alert_is_shown_with_what_became_of_it(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    later = NOON + timedelta(seconds=4)
    told = alert("a-1", calls=2, next_at=later, error="answered 503", begun=True)
    await mongo[collections.ALERTS].insert_one(told)

    answer = await api.get("/alerts/a-1", params={"tenant_id": "acme"})

    assert answer.json() == {
        "alert_id": "a-1",
        "tenant_id": "acme",
        "ticket_id": "T-1",
        "version": 1,
        "action": "created",
        "urgency": "high",
        "reason": "created with urgency high (outage: “is down”)",
        "state": "pending",
        "due_at": "2026-01-31T12:00:00.000Z",
        "calls": 2,
        "next_call_at": "2026-01-31T12:00:04.000Z",
        "in_flight": False,
        "last_error": "answered 503",
        "suppressed": None,
        "ended_at": None,
    }


async def test_the_list_is_newest_first_and_goes_on(api: httpx.AsyncClient, mongo: Mongo) -> None:
    moments = [NOON + timedelta(seconds=number // 2) for number in range(7)]
    rows = [alert(f"a-{number}", due_at=moment) for number, moment in enumerate(moments)]
    await mongo[collections.ALERTS].insert_many([*rows, alert("b-1", tenant_id="globex")])

    seen: list[str] = []
    url: str | None = "/alerts?tenant_id=acme&limit=3"
    while url:
        answer = await api.get(url)
        seen += [row["alert_id"] for row in answer.json()["alerts"]]
        url = answer.links["next"]["url"] if "next" in answer.links else None

    assert seen == ["a-6", "a-5", "a-4", "a-3", "a-2", "a-1", "a-0"]


async def test_the_list_can_be_of_some_states(api: httpx.AsyncClient, mongo: Mongo) -> None:
    states = ("pending", "delivered", "suppressed", "dead_letter")
    await mongo[collections.ALERTS].insert_many([alert(state, state=state) for state in states])

    some = await api.get("/alerts?tenant_id=acme&state=pending,dead_letter")
    unknown = await api.get("/alerts?tenant_id=acme&state=lost")

    assert [row["alert_id"] for row in some.json()["alerts"]] == ["pending", "dead_letter"]
    assert unknown.status_code == 422


@pytest.mark.parametrize("query", [{}, {"state": "pending"}, {"state": "dead_letter,pending"}])
async def test_a_list_walks_an_index(mongo: Mongo, query: dict[str, str]) -> None:
    rows = [alert(f"a-{n}", tenant_id=f"t-{n % 4}", due_at=NOON) for n in range(400)]
    await mongo[collections.ALERTS].insert_many(rows)
    states = {"state": {"$in": query["state"].split(",")}} if query else {}
    order = [("due_at", DESCENDING), ("_id", DESCENDING)]

    found = mongo[collections.ALERTS].find({**states, "tenant_id": "t-1"}).sort(order).limit(10)

    examined = (await found.explain())["executionStats"]
    assert examined["nReturned"] == 10
    assert examined["totalDocsExamined"] <= 20


@pytest.mark.parametrize("state", ["pending", "suppressed", "dead_letter"])
async def test_what_is_not_delivered_can_be_sent_again(
    api: httpx.AsyncClient, mongo: Mongo, state: str
) -> None:
    late = datetime.now(UTC) + timedelta(hours=1)
    await mongo[collections.ALERTS].insert_one(alert("a-1", state=state, calls=9, next_at=late))

    answer = await api.post("/alerts/a-1/retry")

    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["next_call_at"]) == ("pending", None)
    assert answer.json()["calls"] == 9


async def test_what_is_delivered_is_not_sent_again(api: httpx.AsyncClient, mongo: Mongo) -> None:
    await mongo[collections.ALERTS].insert_one(alert("a-1", state="delivered"))

    answer = await api.post("/alerts/a-1/retry")

    assert answer.status_code == 409
    assert answer.json()["alert_id"] == "a-1"
    assert answer.json()["type"].endswith("alert-delivered")


@pytest.mark.parametrize("tenant", ["", "?tenant_id=globex"])
async def test_nobody_retries_what_there_is_not(
    api: httpx.AsyncClient, mongo: Mongo, tenant: str
) -> None:
    await mongo[collections.ALERTS].insert_one(alert("a-1", state="dead_letter"))

    answer = await api.post(f"/alerts/{'a-1' if tenant else 'a-2'}/retry{tenant}")

    assert answer.status_code == 404
    kept = await mongo[collections.ALERTS].find_one({"_id": "a-1"})
    assert kept is not None
    assert kept["state"] == "dead_letter"


async def test_a_call_that_is_out_goes_on_when_it_is_to_be_retried(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    lease = (datetime.now(UTC) + timedelta(seconds=20)).replace(microsecond=0)
    out = alert("a-1", slot=0, owner="someone", calls=1, next_at=lease, begun=True)
    await mongo[collections.ALERTS].insert_one(out)

    answer = await api.post("/alerts/a-1/retry")

    assert answer.json()["in_flight"] is True
    kept = await mongo[collections.ALERTS].find_one({"_id": "a-1"})
    assert kept == out


async def test_the_backlog_is_in_the_metrics(api: httpx.AsyncClient, mongo: Mongo) -> None:
    rows = [
        alert("a-1", due_at=datetime.now(UTC) - timedelta(seconds=90)),
        alert("a-2", slot=0, owner="x", calls=1, due_at=datetime.now(UTC)),
        alert("a-3", state="dead_letter"),
        alert("a-4", state="delivered"),
    ]
    await mongo[collections.ALERTS].insert_many(rows)

    page = (await api.get("/metrics")).text.splitlines()
    backlog = await read_backlog(mongo)

    assert backlog[:3] == (2, 1, 1)
    assert 90 <= backlog.oldest_seconds < 200
    assert 'deskstream_alerts{state="pending"} 2.0' in page
    assert 'deskstream_alerts{state="dead_letter"} 1.0' in page
    assert "deskstream_alerts_in_flight 1.0" in page
    assert 'deskstream_circuit_state{circuit="notify",state="closed"} 1.0' in page
    assert 'deskstream_circuit_state{circuit="notify",state="open"} 0.0' in page
    (oldest,) = [line for line in page if line.startswith("deskstream_alert_backlog_oldest")]
    assert 90 <= float(oldest.split()[1]) < 200


async def test_where_nothing_waits_the_backlog_is_empty(mongo: Mongo) -> None:
    assert await read_backlog(mongo) == Backlog(0, 0, 0, 0.0)
