"""Tickets by hour, day or week of a zone's clock, and how many there were in the time before."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any, Final

from api.cover import Span
from api.documents import shown_instant
from api.intervals import LEAST, Interval, begins_of, shifted
from api.roll_ups import RollUps
from api.scope import TenantScope
from api.statistics import LAST_CHANGE, RATIO_DIGITS, TicketRange
from api.zones import clock_time
from domain.errors import TenantNotFoundError
from domain.instants import cut
from infra.mongo import Document

_CHANGE: Final[Document] = {
    "$cond": [
        {"$gt": ["$earlier", 0]},
        {
            "$round": [
                {"$divide": [{"$subtract": ["$count", "$earlier"]}, "$earlier"]},
                RATIO_DIGITS,
            ]
        },
        None,
    ]
}
_SUMS: Final = {"count": {"$sum": "$n"}, "high": {"$sum": "$high"}}


async def trend_of(
    scope: TenantScope, chosen: TicketRange, interval: Interval, now: datetime
) -> Document:
    """The figures of a range with both ends, as `Trend` describes them.

    The time before is as long by the zone's clock, and ends where the range, or what has passed of
    it, would: a day that is half over is compared with half a day.

    Raises:
        TenantNotFoundError: no ticket of the tenant was ever seen.
        RollUpsMissingError: nothing was summed up yet.
        ParameterError: the range has too many intervals.
    """
    assert chosen.begin is not None  # noqa: S101 (the route fills both in)
    assert chosen.end is not None  # noqa: S101
    begins = begins_of(interval, chosen.begin, chosen.end, chosen.zone)
    before = _before(chosen.begin, min(chosen.end, now), interval, len(begins), chosen.zone)
    tickets = await scope.tickets()
    rows = RollUps(await scope.roll_ups(), tickets, chosen.span)
    earlier = rows._replace(span=before)
    parted = [*(begins or [chosen.begin]), max(chosen.end, chosen.begin + LEAST)]
    stages = [
        *LAST_CHANGE,
        rows.quarters(
            begins[1:],
            [{"$bucket": {"groupBy": "$at", "boundaries": parted, "output": _SUMS}}],
            "points",
        ),
        earlier.quarters((), [{"$group": {"_id": None, **_SUMS}}], "previous"),
        {"$set": {"previous": {"$first": "$previous"}}},
        {"$set": _totals()},
        {"$set": {"change": _CHANGE}},
    ]
    found = await tickets.aggregate({}, stages)
    if not found:
        raise TenantNotFoundError(scope.tenant_id)
    [figures] = found
    points = {point["_id"]: point for point in figures["points"]}
    return {
        "tenant_id": scope.tenant_id,
        "interval": interval,
        "points": [_point(begin, points.get(begin, {}), chosen.zone) for begin in begins],
        "count": figures["count"],
        "high": figures["high"],
        "previous": {
            "from": shown_instant(before.begin),
            "to": shown_instant(before.end),
            "count": figures["earlier"],
            "high": figures["earlier_high"],
        },
        "change": figures["change"],
        "range": chosen.shown(),
        "generated_at": shown_instant(cut(now)),
        "data_as_of": shown_instant(figures["newest"]),
    }


def _before(
    begin: datetime, passed: datetime, interval: Interval, count: int, zone: tzinfo
) -> Span:
    first = shifted(interval, begin, -count, zone)
    return Span(first, max(first, shifted(interval, passed, -count, zone)))


def _totals() -> Document:
    return {
        "count": {"$sum": "$points.count"},
        "high": {"$sum": "$points.high"},
        "earlier": {"$ifNull": ["$previous.count", 0]},
        "earlier_high": {"$ifNull": ["$previous.high", 0]},
    }


def _point(begin: datetime, found: Mapping[str, Any], zone: tzinfo) -> Document:
    return {
        "begin": clock_time(begin, zone),
        "count": found.get("count", 0),
        "high": found.get("high", 0),
    }
