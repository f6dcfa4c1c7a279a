"""Roll-ups merged: the deltas that batches leave become sums, beside readers and projectors.

Projectors only ever insert deltas, so no two of them write one document, and whoever reads adds
what was not merged yet.  That a delta leaves and its sums change is one transaction: whoever looks
sees it once.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, Final

import structlog
from pymongo import DeleteOne, InsertOne, ReplaceOne
from pymongo.errors import PyMongoError

from domain.roll_up_documents import DELTA
from domain.roll_up_sums import Bucket, Changes, merged_document
from domain.roll_ups import Sums
from infra import crash_points
from infra.backoff import Backoff
from infra.lifetime import beside
from infra.mongo import Collection, Mongo, Session, transaction
from infra.read_models import TICKETS, Generation, active_generation

log = structlog.get_logger()

_PAUSE_SECONDS: Final = 1.0
_REST: Final = 2.0  # times as long as the work before
MOST_WORDS: Final = 15_000  # that readers add up by themselves, of one tenant
MOST_DELTAS: Final = 64
_WORDS_AT_ONCE: Final = 400_000
_BATCH: Final = 50
_DELTAS_AT_ONCE: Final = 1_000


class RollUpMerger:
    """Merges whatever readers would have to add up too much of.

    Several may work at once: where two meet, MongoDB aborts one, and it tries again later.
    """

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def run(self, collection: str | None = None, *, rest: float = _REST) -> None:
        """Merge what is due, for ever: in the live generation, or in one that is being made.

        After some work it rests, `rest` times as long.
        """
        backoff = Backoff()
        while True:
            began, merged = time.monotonic(), 0
            try:
                name = collection or (await active_generation(self._mongo, TICKETS)).roll_ups
                merged = 0 if name is None else await self.merge(name)
            except PyMongoError as error:
                log.info("roll_ups_not_merged", reason=repr(error))
                await backoff.sleep()
            else:
                backoff.reset()
            worked = time.monotonic() - began
            await asyncio.sleep(rest * worked if merged else _PAUSE_SECONDS)

    async def merge(
        self, collection: str, *, words: int = MOST_WORDS, deltas: int = MOST_DELTAS
    ) -> int:
        """Merge the tenants of which so much is outstanding; return how many deltas were."""
        roll_ups = self._mongo[collection]
        merged = 0
        for tenant_id in await _due(roll_ups, words, deltas):
            merged += await self._merge_tenant(roll_ups, tenant_id)
        return merged

    async def merge_all(self, collection: str, tenant_id: str) -> None:
        """Merge every delta that there is of a tenant now, whoever else merges beside."""
        roll_ups, backoff = self._mongo[collection], Backoff()
        wanted = {"kind": DELTA, "tenant_id": tenant_id}
        now = {"_id": {"$in": await roll_ups.distinct("_id", wanted)}}
        while await roll_ups.count_documents(now, limit=1):
            try:
                await self._merge_tenant(roll_ups, tenant_id)
            except PyMongoError as error:
                if not error.has_error_label("TransientTransactionError"):
                    raise
                await backoff.sleep()

    async def _merge_tenant(self, roll_ups: Collection, tenant_id: str) -> int:
        """Merge some deltas of a tenant, piece by piece: others use this process meanwhile."""
        async with await self._mongo.start_session() as session, transaction(session):
            changes, ids, words = Changes(tenant_id), [], 0
            wanted = {"kind": DELTA, "tenant_id": tenant_id}
            async for delta in roll_ups.find(wanted, session=session, batch_size=_BATCH):
                changes.add(delta)
                ids.append(delta["_id"])
                words += delta["weight"]
                if words >= _WORDS_AT_ONCE or len(ids) >= _DELTAS_AT_ONCE:
                    break
                await asyncio.sleep(0)
            # The deltas first: two who merge the same meet here, before all the rest.
            await roll_ups.delete_many({"_id": {"$in": ids}}, session=session)
            buckets = changes.buckets()
            while some := list(islice(buckets, _BATCH)):
                await _write(roll_ups, some, session)
            crash_points.reached("roll_ups_before_commit")
        crash_points.reached("roll_ups_merged")
        return len(ids)


async def _write(
    roll_ups: Collection, changed: Sequence[tuple[Bucket, Sums]], session: Session
) -> None:
    wanted = {"_id": {"$in": [bucket.id for bucket, _ in changed]}}
    known = {d["_id"]: d async for d in roll_ups.find(wanted, session=session)}
    writes: list[Any] = []
    for bucket, sums in changed:
        id_ = bucket.id
        after = merged_document(bucket, sums, known.get(id_))
        if after is not None:
            writes.append(ReplaceOne({"_id": id_}, after) if id_ in known else InsertOne(after))
        elif id_ in known:
            writes.append(DeleteOne({"_id": id_}))
    if writes:
        await roll_ups.bulk_write(writes, ordered=False, session=session)


@asynccontextmanager
async def merging(mongo: Mongo, generation: Generation) -> AsyncIterator[None]:
    """Merge in a generation that is being made, inside the block; live mergers see to the rest."""
    if generation.roll_ups is None:
        yield
        return
    async with beside(RollUpMerger(mongo).run(generation.roll_ups, rest=0)):
        yield


async def _due(roll_ups: Collection, words: int, deltas: int) -> list[str]:
    """The tenants with so many words or deltas outstanding, those with the most first."""
    outstanding = {
        "_id": "$tenant_id",
        "words": {"$sum": "$weight"},
        "deltas": {"$sum": 1},
    }
    cursor = roll_ups.aggregate(
        [
            {"$match": {"kind": DELTA}},
            {"$group": outstanding},
            {"$match": {"$or": [{"words": {"$gte": words}}, {"deltas": {"$gte": deltas}}]}},
            {"$sort": {"words": -1, "_id": 1}},
        ]
    )
    return [found["_id"] async for found in cursor]
