"""Tickets that complete crawls did not show: found in the sync agent's state, remembered by run."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

from pymongo import DeleteOne, ReplaceOne

from domain.sightings import Sightings, ticket_mark
from infra import collections
from infra.mongo import Mongo, Session
from infra.retrying import in_transaction

# Writes to the run's document in the transaction, and raises LeaseLostError if it is not ours.
Fence: TypeAlias = Callable[[Session], Awaitable[None]]

_BATCH: Final = 1000


class Absent(NamedTuple):
    """How many live tickets a tenant has, and the ids of those that a crawl did not show."""

    live: int
    ids: list[str]


class Absences:
    """One document per crawl and ticket it missed, `_id` being `tenant:run:external_id`."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
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
        first, after = _range(tenant_id)
        wanted = {"_id": {"$gte": first, "$lt": after}, "gone_at": None, "version": {"$gt": 0}}
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
        if run is None:
            return set()
        first, after = _range(tenant_id, run)
        missed = self._absences.find({"_id": {"$gte": first, "$lt": after}}, batch_size=_BATCH)
        return {document["_id"][len(first) :] async for document in missed}

    async def record(self, tenant_id: str, run: str, ids: Sequence[str], fence: Fence) -> None:
        """Remember what this crawl missed, beside what earlier ones did.

        Raises:
            LeaseLostError: the crawl is no longer ours.
        """
        first, _ = _range(tenant_id, run)
        for some in _batches(ids):
            keys = [f"{first}{id_}" for id_ in some]
            change = [ReplaceOne({"_id": key}, {"_id": key}, upsert=True) for key in keys]
            await in_transaction(self._mongo, partial(self._write, change, fence))

    async def forget_others(self, tenant_id: str, run: str, fence: Fence) -> None:
        """Forget what any other crawl of the tenant missed.

        Raises:
            LeaseLostError: the crawl is no longer ours.
        """
        (first, last), (begin, end) = _range(tenant_id), _range(tenant_id, run)
        others = {
            "$or": [{"_id": {"$gte": first, "$lt": begin}}, {"_id": {"$gte": end, "$lt": last}}]
        }
        while found := await self._absences.find(others, limit=_BATCH).to_list(_BATCH):
            change = [DeleteOne(document) for document in found]
            await in_transaction(self._mongo, partial(self._write, change, fence))

    async def _write(self, change: Sequence[Any], fence: Fence, session: Session) -> None:
        await fence(session)
        await self._absences.bulk_write(change, ordered=False, session=session)


def _range(*names: str) -> tuple[str, str]:
    """The first key that begins with these names, and the first behind all of them."""
    prefix = ":".join(names)
    return f"{prefix}:", f"{prefix};"


def _batches(ids: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _BATCH):
        yield list(ids[start : start + _BATCH])
