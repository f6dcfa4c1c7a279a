"""Tickets that complete crawls did not show: found in the sync agent's state, remembered by run."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from pymongo import ReplaceOne

from domain.identity import ticket_key
from domain.sightings import Sightings, ticket_mark
from infra import collections
from infra.mongo import Document, Mongo

_BATCH: Final = 1000


class Absent(NamedTuple):
    """How many live tickets a tenant has, and the ids of those that a crawl did not show."""

    live: int
    ids: list[str]


class Absences:
    """One document per absent ticket: `_id` its key, `run` the complete crawl that missed it."""

    def __init__(self, mongo: Mongo) -> None:
        self._states = mongo[collections.TICKET_STATE]
        self._absences = mongo[collections.ABSENCES]

    async def find(
        self, tenant_id: str, source: str, seen: Sightings, began_at: datetime
    ) -> Absent:
        """The tenant's live tickets that `source` showed last, before the crawl began, but not now.

        The range of `_id` is the tenant's: keys are `tenant:external_id`.
        """
        live = 0
        ids = []
        wanted = {**_of_tenant(tenant_id), "gone_at": None, "version": {"$gt": 0}}
        shown = {"external_id": 1, "source": 1, "observed_at": 1}
        async for state in self._states.find(wanted, shown, batch_size=_BATCH):
            live += 1
            id_ = state["external_id"]
            is_ours = state["source"] == source and state["observed_at"] < began_at
            if is_ours and ticket_mark(tenant_id, id_) not in seen:
                ids.append(id_)
        return Absent(live, ids)

    async def shared(self, ids: Sequence[str]) -> set[str]:
        """Those of `ids` that several tenants have, or had."""
        found = set()
        for some in _batches(ids):
            counted = self._states.aggregate(
                [
                    {"$match": {"external_id": {"$in": some}}},
                    {"$group": {"_id": "$external_id", "tenants": {"$sum": 1}}},
                    {"$match": {"tenants": {"$gt": 1}}},
                ]
            )
            found |= {group["_id"] async for group in counted}
        return found

    async def of_run(self, tenant_id: str, run: str | None) -> set[str]:
        """The external ids that this complete crawl of the tenant missed."""
        prefix = len(ticket_key(tenant_id, ""))
        missed = self._absences.find({**_of_tenant(tenant_id), "run": run}, {"_id": 1})
        return {document["_id"][prefix:] async for document in missed}

    async def record(self, tenant_id: str, run: str, ids: Sequence[str]) -> None:
        """Remember what this complete crawl missed; earlier crawls no longer count."""
        for some in _batches(ids):
            documents = [{"_id": ticket_key(tenant_id, id_), "run": run} for id_ in some]
            await self._absences.bulk_write(
                [ReplaceOne({"_id": d["_id"]}, d, upsert=True) for d in documents], ordered=False
            )
        await self._absences.delete_many({**_of_tenant(tenant_id), "run": {"$ne": run}})


def _of_tenant(tenant_id: str) -> Document:
    first = ticket_key(tenant_id, "")
    return {"_id": {"$gte": first, "$lt": f"{first[:-1]};"}}


def _batches(ids: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _BATCH):
        yield list(ids[start : start + _BATCH])
