"""Statistics of one tenant: one aggregation over its roll-ups, by MongoDB, on one snapshot."""

from datetime import datetime, tzinfo
from typing import Any, Final, NamedTuple

from pymongo import DESCENDING

from api.cover import Span
from api.documents import shown_instant
from api.roll_ups import SENTIMENTS, URGENCIES, RollUps
from api.scope import TenantScope
from api.zones import HOUR, HOURS, clock_time, last_hours
from domain.errors import TenantNotFoundError
from domain.instants import cut
from domain.stop_words import STOP_WORDS
from infra.mongo import Document

Expression = dict[str, Any]

_TOP: Final = 10
RATIO_DIGITS: Final = 4
_HOUR_MS: Final = int(HOUR.total_seconds() * 1000)
_OPEN: Final = ("high", "negative", "total")
_NO_KEYWORDS: Final = sorted(STOP_WORDS)  # tickets that are recounted hold them


class TicketRange(NamedTuple):
    """Tickets created from `begin` until before `end`, None where open; the `zone` of the hours."""

    begin: datetime | None
    end: datetime | None
    tz: str
    zone: tzinfo

    @property
    def span(self) -> Span:
        """The range alone."""
        return Span(self.begin, self.end)

    def shown(self) -> Document:
        """The range, as `RangeView` describes it."""
        begin, end = shown_instant(self.begin), shown_instant(self.end)
        return {"from": begin, "to": end, "tz": self.tz}


async def count_tickets(scope: TenantScope, chosen: TicketRange, now: datetime) -> Document:
    """The figures of a tenant, as `Statistics` describes them.

    Raises:
        TenantNotFoundError: no ticket of the tenant was ever seen.
        RollUpsMissingError: nothing was summed up yet.
    """
    sums, tickets = await scope.roll_ups(), await scope.tickets()
    hours = last_hours(now, chosen.zone)
    rows = await RollUps(sums, tickets, chosen.span).with_months()
    stages = _stages(rows, hours, chosen)
    found = await tickets.aggregate({}, stages)
    if not found:
        raise TenantNotFoundError(scope.tenant_id)
    [figures] = found
    newest = figures.pop("newest")
    return {
        "tenant_id": scope.tenant_id,
        **figures,
        "range": chosen.shown(),
        "generated_at": shown_instant(cut(now)),
        "data_as_of": shown_instant(newest),
    }


# The tenant's last change leads: it is there if the tenant is known, whatever there is to sum up.
LAST_CHANGE: Final[list[Document]] = [
    {"$sort": {"changed_at": DESCENDING}},
    {"$limit": 1},
    {"$project": {"_id": 0, "newest": "$changed_at"}},
]


def _stages(rows: RollUps, hours: list[datetime], chosen: TicketRange) -> list[Document]:
    span = chosen.span.within(hours[0], hours[-1] + HOUR)
    recent = rows._replace(span=span)
    return [
        *LAST_CHANGE,
        rows.counts(_totals(), "totals"),
        rows.counts(_statuses(), "statuses"),
        recent.quarters(hours, _hours(hours[0]), "hours"),
        rows.words(_keywords(), "top_keywords"),
        rows.customers(_customers(), "at_risk_customers"),
        {"$set": {"totals": {"$first": "$totals"}}},
        {"$project": _figures([clock_time(hour, chosen.zone) for hour in hours])},
    ]


def _figures(labels: list[str]) -> Expression:
    return {
        "newest": 1,
        "total_tickets": _total("total"),
        "by_status": {"$arrayToObject": "$statuses"},
        "by_urgency": {label: _total(label) for label in URGENCIES},
        "by_sentiment": {label: _total(label) for label in SENTIMENTS},
        "urgency_high_ratio": _ratio("high"),
        "negative_sentiment_ratio": _ratio("negative"),
        "requires_action_count": _total("action"),
        "hourly_trend": _filled(labels),
        "top_keywords": 1,
        "at_risk_customers": 1,
    }


def _totals() -> list[Document]:
    names = ("total", "action", *URGENCIES, *SENTIMENTS)
    return [{"$group": {"_id": None, **{name: {"$sum": f"$counts.{name}"} for name in names}}}]


def _statuses() -> list[Document]:
    return [
        {"$unwind": "$statuses"},
        {"$group": {"_id": "$statuses.k", "count": {"$sum": "$statuses.n"}}},
        {"$match": {"count": {"$ne": 0}}},
        {"$sort": {"_id": 1}},
        {"$project": {"_id": 0, "k": "$_id", "v": "$count"}},
    ]


def _hours(first: datetime) -> list[Document]:
    since = {"$subtract": ["$at", first]}
    return [
        {
            "$group": {
                "_id": {"$floor": {"$divide": [since, _HOUR_MS]}},
                "count": {"$sum": "$n"},
                "high": {"$sum": "$high"},
            }
        },
    ]


def _filled(labels: list[str]) -> Expression:
    """All hours in order, those without tickets as well."""
    hour = {
        "$first": {"$filter": {"input": "$hours", "as": "h", "cond": {"$eq": ["$$h._id", "$$n"]}}}
    }
    entry = {
        "hour": {"$arrayElemAt": [labels, "$$n"]},
        "count": {"$ifNull": ["$$found.count", 0]},
        "high": {"$ifNull": ["$$found.high", 0]},
    }
    filled = {"$let": {"vars": {"found": hour}, "in": entry}}
    return {"$map": {"input": {"$range": [0, HOURS]}, "as": "n", "in": filled}}


def _keywords() -> list[Document]:
    return [
        {"$unwind": "$w"},
        {"$group": {"_id": "$w", "count": {"$sum": "$n"}}},
        {"$match": {"_id": {"$nin": _NO_KEYWORDS}, "count": {"$gt": 0}}},
        {"$sort": {"count": DESCENDING, "_id": 1}},
        {"$limit": _TOP},
        {"$project": {"_id": 0, "keyword": "$_id", "count": 1}},
    ]


def _customers() -> list[Document]:
    counts = {f"open_{name}": {"$sum": f"${name}"} for name in _OPEN}
    return [
        {"$group": {"_id": "$k", **counts}},
        {"$match": {"$or": [{"open_high": {"$gt": 0}}, {"open_negative": {"$gt": 0}}]}},
        {"$sort": {**dict.fromkeys(counts, DESCENDING), "_id": 1}},
        {"$limit": _TOP},
        {"$project": {"_id": 0, "customer_id": "$_id", **dict.fromkeys(counts, 1)}},
    ]


def _total(name: str) -> Expression:
    return {"$ifNull": [f"$totals.{name}", 0]}


def _ratio(name: str) -> Expression:
    """A share of all, 0 of none; sums of changes may come to 0, which `$divide` refuses."""
    share = {"$round": [{"$divide": [f"$totals.{name}", "$totals.total"]}, RATIO_DIGITS]}
    return {"$cond": [{"$gt": ["$totals.total", 0]}, share, 0]}
