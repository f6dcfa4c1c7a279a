"""Statistics of one tenant: one aggregation, computed by MongoDB, on one snapshot."""

from datetime import datetime, tzinfo
from typing import Any, Final, NamedTuple

from pymongo import DESCENDING

from api.documents import shown_instant
from api.keywords import stop_words, words_of
from api.scope import TenantCollection, TenantScope
from api.zones import HOUR, HOURS, clock_time, last_hours
from domain.errors import TenantNotFoundError
from domain.instants import cut
from infra.mongo import Document

Expression = dict[str, Any]

_TOP: Final = 10
_URGENCIES: Final = ("high", "medium", "low")
_SENTIMENTS: Final = ("negative", "neutral", "positive")
_DONE: Final = ["resolved", "closed"]
_RATIO_DIGITS: Final = 4
_HOUR_MS: Final = int(HOUR.total_seconds() * 1000)


class TicketRange(NamedTuple):
    """Tickets created from `begin` until before `end`, None where open; the `zone` of the hours."""

    begin: datetime | None
    end: datetime | None
    tz: str
    zone: tzinfo

    @property
    def query(self) -> Document:
        """The live tickets of the range."""
        bounds = {"$gte": self.begin, "$lt": self.end}
        created = {operator: moment for operator, moment in bounds.items() if moment is not None}
        return {"deleted_at": None} | ({"created_at": created} if created else {})


async def count_tickets(scope: TenantScope, chosen: TicketRange, now: datetime) -> Document:
    """The figures of a tenant, as `Statistics` describes them.

    Raises:
        TenantNotFoundError: no ticket of the tenant was ever seen.
    """
    tickets = await scope.tickets()
    hours = last_hours(now, chosen.zone)
    [found] = await tickets.aggregate(chosen.query, _stages(tickets, hours, chosen.zone))
    newest = found.pop("newest")
    if not newest:
        raise TenantNotFoundError(scope.tenant_id)
    begin, end = shown_instant(chosen.begin), shown_instant(chosen.end)
    return {
        "tenant_id": scope.tenant_id,
        **found,
        "range": {"from": begin, "to": end, "tz": chosen.tz},
        "generated_at": shown_instant(cut(now)),
        "data_as_of": shown_instant(newest[0]["changed_at"]),
    }


def _stages(tickets: TenantCollection, hours: list[datetime], zone: tzinfo) -> list[Document]:
    facets = {
        "totals": _totals(),
        "statuses": _statuses(),
        "hours": _hours(hours),
        "top_keywords": _keywords(),
        "at_risk_customers": _customers(),
    }
    last_change: list[Document] = [{"$sort": {"changed_at": DESCENDING}}, {"$limit": 1}]
    return [
        {"$facet": facets},
        {"$set": {"totals": {"$first": "$totals"}}},
        {"$project": _figures([clock_time(hour, zone) for hour in hours])},
        tickets.lookup({}, [*last_change, {"$project": {"_id": 0, "changed_at": 1}}], "newest"),
    ]


def _figures(labels: list[str]) -> Expression:
    return {
        "total_tickets": _total("all"),
        "by_status": {"$arrayToObject": "$statuses"},
        "by_urgency": {label: _total(label) for label in _URGENCIES},
        "by_sentiment": {label: _total(label) for label in _SENTIMENTS},
        "urgency_high_ratio": _ratio("high"),
        "negative_sentiment_ratio": _ratio("negative"),
        "requires_action_count": _total("requires_action"),
        "hourly_trend": _filled(labels),
        "top_keywords": 1,
        "at_risk_customers": 1,
    }


def _totals() -> list[Document]:
    urgencies = {label: _sum_if({"$eq": ["$urgency", label]}) for label in _URGENCIES}
    sentiments = {label: _sum_if({"$eq": ["$sentiment", label]}) for label in _SENTIMENTS}
    action = {"requires_action": _sum_if("$requires_action")}
    return [{"$group": {"_id": None, "all": {"$sum": 1}, **urgencies, **sentiments, **action}}]


def _statuses() -> list[Document]:
    return [
        {"$group": {"_id": "$status", "count": {"$sum": 1}}},
        {"$sort": {"_id": 1}},
        {"$project": {"_id": 0, "k": "$_id", "v": "$count"}},
    ]


def _hours(hours: list[datetime]) -> list[Document]:
    since = {"$subtract": ["$created_at", hours[0]]}
    return [
        {"$match": {"created_at": {"$gte": hours[0], "$lt": hours[-1] + HOUR}}},
        {
            "$group": {
                "_id": {"$floor": {"$divide": [since, _HOUR_MS]}},
                "count": {"$sum": 1},
                "high": _sum_if({"$eq": ["$urgency", "high"]}),
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
        {"$project": {"_id": 0, "words": words_of("subject", "message")}},
        {"$unwind": "$words"},
        {"$group": {"_id": "$words", "count": {"$sum": 1}}},
        {"$match": {"_id": {"$nin": stop_words()}}},
        {"$sort": {"count": DESCENDING, "_id": 1}},
        {"$limit": _TOP},
        {"$project": {"_id": 0, "keyword": "$_id", "count": 1}},
    ]


def _customers() -> list[Document]:
    counts = {
        "open_high": _sum_if({"$eq": ["$urgency", "high"]}),
        "open_negative": _sum_if({"$eq": ["$sentiment", "negative"]}),
        "open_total": {"$sum": 1},
    }
    return [
        {"$match": {"status": {"$nin": _DONE}, "customer_id": {"$ne": None}}},
        {"$group": {"_id": "$customer_id", **counts}},
        {"$match": {"$or": [{"open_high": {"$gt": 0}}, {"open_negative": {"$gt": 0}}]}},
        {"$sort": {**dict.fromkeys(counts, DESCENDING), "_id": 1}},
        {"$limit": _TOP},
        {"$project": {"_id": 0, "customer_id": "$_id", **dict.fromkeys(counts, 1)}},
    ]


def _sum_if(condition: Expression | str) -> Expression:
    return {"$sum": {"$cond": [condition, 1, 0]}}


def _total(name: str) -> Expression:
    return {"$ifNull": [f"$totals.{name}", 0]}


def _ratio(name: str) -> Expression:
    share = {"$round": [{"$divide": [f"$totals.{name}", "$totals.all"]}, _RATIO_DIGITS]}
    return {"$ifNull": [share, 0]}
