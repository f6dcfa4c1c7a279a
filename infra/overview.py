"""What goes on and what stands still: the runs that are on, and the tickets that are parked."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from pymongo import ASCENDING

from domain.runs import ACTIVE
from infra import collections
from infra.mongo import Document, Mongo


class ActiveJob(NamedTuple):
    """A run that is on; `since` is the begin of its crawl, or of its waiting for one."""

    job_id: str
    tenant_id: str
    parent_id: str | None
    phase: str
    since: datetime
    pages_done: int
    pages_total: int | None
    fetched: int
    worker: str | None


class ParkedTicket(NamedTuple):
    """A ticket whose next event could not be applied, and how many of its events wait."""

    key: str
    events: int


async def active_jobs(mongo: Mongo) -> list[ActiveJob]:
    """Every run that is on, the oldest request first."""
    found = mongo[collections.JOBS].find({"phase": {"$in": list(ACTIVE)}})
    return [
        ActiveJob(
            job_id=job["_id"],
            tenant_id=job["tenant_id"],
            parent_id=job["parent_id"],
            phase=job["phase"],
            since=job["started_at"] or job["requested_at"],
            pages_done=job["pages_done"],
            pages_total=job["pages_total"],
            fetched=job["fetched"],
            worker=job["worker"],
        )
        async for job in found.sort("requested_at", ASCENDING)
    ]


async def parked_tickets(mongo: Mongo) -> list[ParkedTicket]:
    """Every parked ticket, by key."""
    stages: list[Document] = [
        {"$group": {"_id": "$key", "events": {"$sum": 1}}},
        {"$sort": {"_id": ASCENDING}},
    ]
    found = mongo[collections.PARKED].aggregate(stages)
    return [ParkedTicket(row["_id"], row["events"]) async for row in found]


async def count_active_jobs(mongo: Mongo) -> Mapping[str, int]:
    """How many runs are in each phase of those that are on."""
    stages: list[Document] = [
        {"$match": {"phase": {"$in": list(ACTIVE)}}},
        {"$group": {"_id": "$phase", "runs": {"$sum": 1}}},
    ]
    found = {row["_id"]: row["runs"] async for row in mongo[collections.JOBS].aggregate(stages)}
    return {phase: found.get(phase, 0) for phase in ACTIVE}


async def count_parked(mongo: Mongo) -> int:
    """How many tickets are parked."""
    stages: list[Document] = [
        {"$sort": {"key": ASCENDING}},  # so that the index is walked from key to key
        {"$group": {"_id": "$key"}},
        {"$count": "tickets"},
    ]
    found = await mongo[collections.PARKED].aggregate(stages).to_list(None)
    return int(found[0]["tickets"]) if found else 0
