"""Trends: hours, days and weeks by a zone's clock, beside as long a time before."""

from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from api.errors import ParameterError
from api.intervals import MOST, Interval, begins_of, range_of
from api.scope import TenantScope
from api.statistics import TicketRange
from api.statistics_models import Trend
from api.trend import trend_of
from api.zones import zone_of
from domain.access import ANYBODY
from infra.mongo import Document, Mongo
from tests.api.documents import store, ticket
from tests.api.recount import recount

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 3, 10, 20, 5, tzinfo=UTC)


def midnight(zone: tzinfo, day: int, month: int = 10) -> datetime:
    return datetime(2026, month, day, tzinfo=zone).astimezone(UTC)


def test_days_of_a_zone_have_23_24_or_25_hours() -> None:
    autumn = begins_of("day", midnight(BERLIN, 24), midnight(BERLIN, 28), BERLIN)
    spring = begins_of("day", midnight(BERLIN, 28, 3), midnight(BERLIN, 31, 3), BERLIN)

    hours = [[(b - a) // HOUR for a, b in pairwise(days)] for days in (autumn, spring)]
    assert hours == [[24, 25, 24], [24, 23]]


def test_weeks_begin_on_mondays() -> None:
    begins = begins_of("week", midnight(BERLIN, 15), midnight(BERLIN, 28), BERLIN)

    assert [b.astimezone(BERLIN).isoformat()[:16] for b in begins] == [
        "2026-10-12T00:00",
        "2026-10-19T00:00",
        "2026-10-26T00:00",
    ]


@pytest.mark.parametrize(
    ("interval", "count", "first"),
    [("hour", 24, "2026-11-02T12"), ("day", 30, "2026-10-05T00"), ("week", 12, "2026-08-17T00")],
)
def test_what_is_not_said_is_the_last_so_many(interval: Interval, count: int, first: str) -> None:
    begin, end = range_of(interval, (None, None), NOW, BERLIN)

    begins = begins_of(interval, begin, end, BERLIN)
    assert len(begins) == count
    assert begin == begins[0]
    assert begin.astimezone(BERLIN).isoformat().startswith(first)
    assert begins[-1] <= NOW < end


def test_an_answer_has_room_for_so_many() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)

    assert len(begins_of("hour", begin, begin + MOST * timedelta(hours=1), UTC)) == MOST
    with pytest.raises(ParameterError):
        begins_of("hour", begin, begin + (MOST + 1) * timedelta(hours=1), UTC)
    with pytest.raises(ParameterError):
        begins_of("week", datetime.max.replace(tzinfo=UTC) - timedelta(days=1),
                  datetime.max.replace(tzinfo=UTC), UTC)  # fmt: skip


async def trend(mongo: Mongo, interval: Interval, tz: str, **bounds: datetime) -> dict[str, Any]:
    zone = zone_of(tz)
    asked = bounds.get("begin"), bounds.get("end")
    begin, end = range_of(interval, asked, NOW, zone)
    chosen = TicketRange(begin, end, tz, zone)
    found = await trend_of(TenantScope(mongo, ANYBODY.grant("acme")), chosen, interval, NOW)
    Trend.model_validate(found)
    return found


def month_of_tickets() -> list[Document]:
    """A ticket each 37 minutes, two months around the change of the clocks; some are high."""
    begin = datetime(2026, 9, 4, tzinfo=UTC)
    return [
        ticket(
            f"T-{number}",
            created_at=begin + number * timedelta(minutes=37),
            urgency="high" if number % 5 == 0 else "low",
            deleted_at=NOW if number % 11 == 0 else None,
        )
        for number in range(2_400)
    ]


@pytest.mark.services
@pytest.mark.parametrize(
    ("interval", "tz"),
    [
        *(("day", tz) for tz in ("UTC", "Europe/Berlin", "Asia/Kathmandu", "+00:07")),
        ("hour", "Australia/Lord_Howe"),
        ("week", "America/New_York"),
    ],
)
async def test_points_equal_a_naive_recount(mongo: Mongo, interval: Interval, tz: str) -> None:
    tickets = month_of_tickets()
    moment = NOW - timedelta(days=1)
    others = (ticket(f"T-{n}", tenant_id="globex", created_at=moment) for n in range(9))
    await store(mongo, *tickets, *others)

    for bounds in ({}, {"begin": NOW - timedelta(days=9, minutes=3, seconds=1), "end": NOW}):
        shown = await trend(mongo, interval, tz, **bounds)
        begin, end = range_of(interval, (bounds.get("begin"), bounds.get("end")), NOW, zone_of(tz))
        begins = [datetime.fromisoformat(point["begin"]) for point in shown["points"]]
        for point, first, last in zip(shown["points"], begins, [*begins[1:], end], strict=True):
            inside = recount(tickets, max(first, begin), last)
            high = inside["by_urgency"]["high"]
            assert (point["count"], point["high"]) == (inside["total_tickets"], high)
        assert shown["count"] == sum(point["count"] for point in shown["points"]) > 0
        earlier = shown["previous"]
        before = recount(
            tickets, datetime.fromisoformat(earlier["from"]), datetime.fromisoformat(earlier["to"])
        )
        assert (earlier["count"], earlier["high"]) == (
            before["total_tickets"],
            before["by_urgency"]["high"],
        )


@pytest.mark.services
async def test_half_a_day_is_compared_with_half_a_day(mongo: Mongo) -> None:
    await store(mongo, *month_of_tickets())

    shown = await trend(mongo, "day", "Europe/Berlin", begin=midnight(BERLIN, 3, 11))

    assert shown["previous"]["from"] == "2026-11-01T23:00:00.000Z"
    assert shown["previous"]["to"] == "2026-11-02T10:20:05.000Z"
    expected = (shown["count"] - shown["previous"]["count"]) / shown["previous"]["count"]
    assert shown["change"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.services
async def test_the_route(api: httpx.AsyncClient, mongo: Mongo) -> None:
    await store(mongo, ticket("T-1", created_at=datetime.now(UTC)))

    shown = await api.get("/tenants/acme/stats/trend?interval=hour&tz=Asia/Kolkata")
    nobody = await api.get("/tenants/globex/stats/trend")
    wide = await api.get("/tenants/acme/stats/trend?interval=hour&from_date=2020-01-01")
    backwards = await api.get("/tenants/acme/stats/trend?from_date=9000-01-01")
    empty = await api.get("/tenants/acme/stats/trend?from_date=2026-01-01&to_date=2026-01-01")

    assert (shown.json()["count"], len(shown.json()["points"])) == (1, 24)
    assert shown.json()["change"] is None
    assert [a.status_code for a in (nobody, wide, backwards, empty)] == [404, 422, 422, 200]
    assert (empty.json()["points"], empty.json()["count"]) == ([], 0)
