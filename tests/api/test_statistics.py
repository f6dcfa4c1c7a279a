"""Statistics equal a naive recount, and their sums agree, at any moment."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from api.scope import TenantScope
from api.statistics import TicketRange, count_tickets
from api.statistics_models import Statistics
from api.zones import zone_of
from domain.access import ANYBODY
from infra import collections
from infra.mongo import Document, Mongo
from projections.roll_up_merging import RollUpMerger
from tests.api.documents import NOON, store, ticket
from tests.api.recount import recount

pytestmark = pytest.mark.services

SAID = """
Refund refund, REFUND! invoice's Rechnung ÄRGER Ärger a\u0308rger dépôt DÉPÔT déjà the und que Größe
groesse ŒUVRE œuvre 404 v2.0 e-mail don't l'application straße niño NIÑO ab xyz _snake_ the-end…
"""
WORDS = SAID.split()
NOW = datetime(2026, 6, 15, 9, 41, 3, 500_000, tzinfo=UTC)


def desk(seed: int, count: int) -> list[Document]:
    """Tickets of the last two days and a little beyond now, of few customers, with many words."""
    rng = random.Random(seed)
    return [
        ticket(
            f"T-{number}",
            created_at=NOW - timedelta(seconds=rng.randrange(-7200, 172_800)),
            changed_at=NOON + timedelta(seconds=rng.randrange(100)),
            status=rng.choice(
                ["open", "pending", "resolved", "closed", "on hold", "a.b", "$x", ""]
            ),
            urgency=rng.choice(["high", "medium", "low"]),
            sentiment=rng.choice(["negative", "neutral", "positive"]),
            requires_action=rng.random() < 0.5,
            customer_id=rng.choice([None, *(f"C-{n}" for n in range(14))]),
            subject=" ".join(rng.choices(WORDS, k=rng.randrange(4))),
            message="\n".join(rng.choices(WORDS, k=rng.randrange(25))),
            deleted_at=NOON if rng.random() < 0.1 else None,
        )
        for number in range(count)
    ]


async def count(mongo: Mongo, tz: str, **bounds: datetime) -> dict[str, Any]:
    chosen = TicketRange(bounds.get("begin"), bounds.get("end"), tz, zone_of(tz))
    return await count_tickets(TenantScope(mongo, ANYBODY.grant("acme")), chosen, NOW)


RANGES: list[dict[str, datetime]] = [
    {},
    {"begin": NOW - timedelta(hours=30)},
    {"end": NOW - timedelta(hours=5)},
    {"begin": NOW - timedelta(hours=20), "end": NOW - timedelta(hours=2)},
    {"begin": NOW, "end": NOW},
]


@pytest.mark.parametrize("seed", range(3))
async def test_figures_equal_a_naive_recount(mongo: Mongo, seed: int) -> None:
    tickets = desk(seed, 400)
    await store(mongo, *tickets, *(ticket(f"T-{n}", tenant_id="globex") for n in range(50)))

    for bounds in RANGES:
        shown = await count(mongo, "UTC", **bounds)
        expected = recount(tickets, bounds.get("begin"), bounds.get("end"))
        assert {name: shown[name] for name in expected} == expected


@pytest.mark.parametrize(
    "tz", ["UTC", "Asia/Kathmandu", "America/St_Johns", "-09:30", "Australia/Lord_Howe"]
)
async def test_the_trend_equals_a_naive_recount(mongo: Mongo, tz: str) -> None:
    tickets = desk(9, 300)
    await store(mongo, *tickets)

    trend = (await count(mongo, tz))["hourly_trend"]

    begins = [datetime.fromisoformat(hour["hour"]) for hour in trend]
    now = NOW.astimezone(zone_of(tz))
    assert begins[-1] == now.replace(minute=0, second=0, microsecond=0)
    assert [hour["hour"][16:] for hour in trend] == [f":00{b.isoformat()[19:]}" for b in begins]
    for begin, hour in zip(begins, trend, strict=True):
        end = begin + timedelta(hours=1)
        inside = recount(tickets, begin, end)
        assert (hour["count"], hour["high"]) == (
            inside["total_tickets"],
            inside["by_urgency"]["high"],
        )
    assert sum(hour["count"] for hour in trend) > 50


async def test_the_trend_of_a_day_with_25_hours_loses_nothing(mongo: Mongo) -> None:
    now = datetime(2026, 10, 25, 22, 30, tzinfo=UTC)
    berlin = ZoneInfo("Europe/Berlin")
    await store(
        mongo, *(ticket(f"T-{n}", created_at=now - timedelta(minutes=30 * n)) for n in range(48))
    )

    chosen = TicketRange(None, None, "Europe/Berlin", berlin)
    trend = (await count_tickets(TenantScope(mongo, ANYBODY.grant("acme")), chosen, now))[
        "hourly_trend"
    ]

    assert [hour["count"] for hour in trend] == [2] * 23 + [2]
    assert len({hour["hour"] for hour in trend}) == 24


async def test_ratios_are_rounded_as_anyone_would(mongo: Mongo) -> None:
    tickets: list[Document] = []
    for total in range(1, 200):
        fields = {"urgency": "high"} if total % 3 == 0 else {}
        tickets.append(ticket(f"T-{total}", created_at=NOW + timedelta(seconds=total), **fields))
    await store(mongo, *tickets)

    for total in range(1, 200, 7):
        end = NOW + timedelta(seconds=total + 1)
        shown = await count(mongo, "UTC", end=end)
        assert shown["urgency_high_ratio"] == round((total // 3) / total, 4)


async def test_the_answer_is_complete(api: httpx.AsyncClient, mongo: Mongo) -> None:
    await store(mongo, *desk(1, 40))

    answer = await api.get(
        "/tenants/acme/stats?from_date=2026-06-14&to_date=2026-06-15T12:00:00%2B02:00&tz=+05:30"
    )

    shown = answer.json()
    Statistics.model_validate(shown)
    assert shown["range"] == {
        "from": "2026-06-14T00:00:00.000Z",
        "to": "2026-06-15T10:00:00.000Z",
        "tz": "+05:30",
    }
    newest = max(d["changed_at"] for d in desk(1, 40))
    assert datetime.fromisoformat(shown["data_as_of"]) == newest


async def test_a_tenant_whose_tickets_are_all_deleted_is_known(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    await store(mongo, ticket("T-1", deleted_at=NOON))

    shown = (await api.get("/tenants/acme/stats")).json()

    assert (shown["total_tickets"], shown["by_status"], shown["urgency_high_ratio"]) == (0, {}, 0)


async def test_figures_are_one_aggregation_on_one_snapshot(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    await store(mongo, *desk(4, 20))
    await mongo.database.command("profile", 2)
    await api.get("/tenants/acme/stats")
    await mongo.database.command("profile", 0)

    name = f"{mongo.database.name}.{collections.TICKETS}"
    wanted = {"ns": name, "command.aggregate": {"$exists": True}}
    commands = await mongo["system.profile"].find(wanted).to_list(None)

    [command] = [entry["command"] for entry in commands]
    assert command["aggregate"] == collections.TICKETS
    assert command["readConcern"]["level"] == "snapshot"


async def test_without_sums_the_answer_says_what_to_do(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    await store(mongo, ticket("T-1"))
    await mongo[collections.READ_MODELS].update_one({"_id": "active"}, {"$unset": {"roll_ups": ""}})

    answers = [await api.get(f"/tenants/acme/{path}") for path in ("stats", "stats/trend")]

    for answer in answers:
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:deskstream:problem:roll-ups-missing"
        assert "deskstream rebuild tickets" in answer.json()["detail"]


async def test_what_takes_too_long_says_what_would_not(
    api: httpx.AsyncClient, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store(mongo, *desk(2, 400))
    monkeypatch.setattr("api.scope._LONGEST_COUNT_MS", 1)

    answer = await api.get("/tenants/acme/stats?from_date=2026-06-13T09:41:07")

    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:deskstream:problem:too-much-to-count"
    assert "full hours" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["stats", "stats/trend?to_date=2026-06-16"])
async def test_equal_figures_are_the_same_answer_whenever_they_are_asked_for(
    api: httpx.AsyncClient, mongo: Mongo, path: str
) -> None:
    await store(mongo, ticket("T-1", created_at=NOW))
    first = await api.get(f"/tenants/acme/{path}")
    known = {"If-None-Match": first.headers["ETag"]}

    again = await api.get(f"/tenants/acme/{path}", headers=known)
    await store(mongo, ticket("T-2", created_at=NOW))
    changed = await api.get(f"/tenants/acme/{path}", headers=known)

    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert changed.status_code == 200


async def test_what_is_examined_does_not_grow_with_the_tickets(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    examined = []
    for count in (200, 1_000):
        tickets = [{**t, "_id": f"acme:{count}-{t['external_id']}"} for t in desk(count, count)]
        tickets = [{**t, "external_id": f"{count}-{t['external_id']}"} for t in tickets]
        await store(mongo, *tickets)
        await RollUpMerger(mongo).merge(collections.ROLL_UPS, words=0, deltas=1)
        await mongo.database.command("profile", 2)
        answer = await api.get("/tenants/acme/stats")
        await mongo.database.command("profile", 0)
        wanted = {"command.aggregate": {"$exists": True}}
        found = await mongo["system.profile"].find(wanted).sort("ts", -1).limit(1).to_list(None)
        assert answer.json()["total_tickets"] > count * 0.8
        examined.append(found[0]["docsExamined"])

    # Two days hold as many sums, whatever their tickets; `$facet` looked at each of these.
    assert examined[1] <= examined[0] + 10 < 100
