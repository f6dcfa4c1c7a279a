"""Naive variants: the plainest way to the same end, without any of the promises.

They run in the load generator's process, on the same engines and data, when ours are done.  What
follows the log reads record by record and writes document by document; nothing notices a repeat,
a gap or a crash.
"""

import json
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, Final, TypeAlias

import httpx
from aiokafka import TopicPartition
from pymongo import ASCENDING, DESCENDING, AsyncMongoClient

from benchmarks.deployment import Deployment
from infra.collections import INDEXES, TICKET_HISTORY, TICKETS
from infra.indexes import make_indexes
from infra.kafka import started_plain_consumer, stop_consumer
from infra.mongo import Collection, Document
from infra.rules import default_classifier
from infra.settings import Settings

PLAIN_TICKETS: Final = "plain_tickets"
_PLAIN_HISTORY: Final = "plain_history"
_CALL_SECONDS: Final = 30.0

# The ticket and the entry of its history that a record makes; no entry where there is none.
Written: TypeAlias = tuple[Document, Document | None]


def projected(value: bytes) -> Written:
    """What a change event makes."""
    event = json.loads(value)
    key = f"{event['tenant_id']}:{event['external_id']}"
    named = {name: event[name] for name in ("tenant_id", "external_id", "version")}
    ticket = {"_id": key, **named, **event["ticket"]}
    return ticket, {"_id": f"{key}:{event['version']}", "ticket_id": key, **event}


def classified(value: bytes) -> Written:
    """What an upstream record makes."""
    return _labelled(json.loads(value)["data"]), None


def _labelled(row: Mapping[str, Any]) -> Document:
    labels = default_classifier().classify(row["subject"], row["message"])
    return {
        **row,
        "_id": f"{row['tenant_id']}:{row['id']}",
        "external_id": row["id"],
        "urgency": labels.urgency,
        "sentiment": labels.sentiment,
        "requires_action": labels.requires_action,
    }


async def apply_plainly(
    deployment: Deployment, topic: str, count: int, written: Callable[[bytes], Written]
) -> float:
    """Follow a topic record by record, upserting each; return records/s."""
    tickets = deployment.mongo[PLAIN_TICKETS]
    history = deployment.mongo[_PLAIN_HISTORY]
    await make_indexes(tickets, INDEXES[TICKETS])
    await make_indexes(history, INDEXES[TICKET_HISTORY])
    consumer = await started_plain_consumer(deployment.settings)
    try:
        name = deployment.settings.topic(topic)
        places = [TopicPartition(name, p) for p in range(deployment.settings.kafka_partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        began, done = monotonic(), 0
        while done < count:
            record = await consumer.getone()
            ticket, entry = written(record.value)
            await tickets.replace_one({"_id": ticket["_id"]}, ticket, upsert=True)
            if entry is not None:
                await history.replace_one({"_id": entry["_id"]}, entry, upsert=True)
            done += 1
        return done / (monotonic() - began)
    finally:
        await stop_consumer(consumer)


async def crawl_plainly(url: str, tickets: Collection) -> float:
    """Fetch page after page and upsert ticket after ticket; return the seconds it took."""
    began = monotonic()
    page: int | None = 1
    async with httpx.AsyncClient(base_url=url, timeout=_CALL_SECONDS) as helpdesk:
        while page is not None:
            answer = await helpdesk.get("/external/support-tickets", params={"page": page})
            body = answer.raise_for_status().json()
            for row in body["tickets"]:
                document = _labelled(row)
                await tickets.replace_one({"_id": document["_id"]}, document, upsert=True)
            page = body["next_page"]
    return monotonic() - began


class PlainReader:
    """Asks MongoDB directly, without an API in between, about the live tickets of one tenant.

    No time-out: what takes minutes is measured in minutes.
    """

    def __init__(self, settings: Settings, tenant_id: str) -> None:
        self._client: AsyncMongoClient[Document] = AsyncMongoClient(
            settings.mongodb_uri.get_secret_value(), tz_aware=True
        )
        self._tickets = self._client[settings.mongodb_database][TICKETS]
        self._wanted: Document = {"tenant_id": tenant_id, "deleted_at": None}

    async def __aenter__(self) -> "PlainReader":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._client.close()

    async def page(self, skip: int, rows: int) -> float:
        """One page of the list, newest first, by `skip` and `limit`; return milliseconds."""
        began = monotonic()
        order = [("created_at", DESCENDING), ("external_id", ASCENDING)]
        found = self._tickets.find(self._wanted).sort(order).skip(skip).limit(rows)
        await found.to_list(None)
        return (monotonic() - began) * 1000

    async def count(self, created: Document, zone: str) -> float:
        """The figures of a dashboard by one `$facet` over the tickets; return milliseconds."""
        began = monotonic()
        wanted = self._wanted | ({"created_at": created} if created else {})
        stages = [{"$match": wanted}, {"$facet": _facets(zone)}]
        found = await self._tickets.aggregate(stages, allowDiskUse=True)
        await found.to_list(None)
        return (monotonic() - began) * 1000


def _facets(zone: str) -> dict[str, list[Document]]:
    hour = {"$dateTrunc": {"date": "$created_at", "unit": "hour", "timezone": zone}}
    text = {"$toLower": {"$concat": ["$subject", " ", "$message"]}}
    words = {"$setUnion": [{"$split": [text, " "]}]}
    return {
        "by_status": [_counted("$status")],
        "by_urgency": [_counted("$urgency")],
        "by_sentiment": [_counted("$sentiment")],
        "by_hour": [_counted(hour), {"$sort": {"_id": DESCENDING}}, {"$limit": 24}],
        "keywords": [
            {"$project": {"word": words}},
            {"$unwind": "$word"},
            _counted("$word"),
            {"$sort": {"count": DESCENDING}},
            {"$limit": 10},
        ],
        "customers": [
            {"$match": {"urgency": "high", "status": {"$nin": ["resolved", "closed"]}}},
            _counted("$customer_id"),
            {"$sort": {"count": DESCENDING}},
            {"$limit": 10},
        ],
    }


def _counted(key: str | Document) -> Document:
    return {"$group": {"_id": key, "count": {"$sum": 1}}}
