"""Rebuilds under way: one of a projection at a time, held by a lease, resumed by whoever asks."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Final, NamedTuple

from pymongo import ReturnDocument

from domain.rebuild_errors import RebuildDiffersError, RebuildGoneError, RebuildOnError
from infra import collections
from infra.checkpoints import Checkpoints
from infra.collections import INDEXES
from infra.digests import KeptDigests
from infra.indexes import make_indexes
from infra.leases import NEVER
from infra.mongo import Document, Mongo, Session
from infra.read_models import Generation, Projection, generation_of, numbers_in_use

LEASE_SECONDS: Final = 5.0
_WAIT_SECONDS: Final = 0.25


class Rebuild(NamedTuple):
    """A generation that is being made of a projection, of one tenant or (None) of all."""

    projection: Projection
    generation: Generation
    tenant_id: str | None
    owner: str
    started_at: datetime
    is_resumed: bool


class Rebuilds:
    """One document per projection: its generation, extent, owner and lease."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._documents = mongo[collections.REBUILDS]

    async def begin(self, projection: Projection, tenant_id: str | None, owner: str) -> Rebuild:
        """Begin a rebuild, or resume the one that was interrupted.

        Raises:
            RebuildOnError: another process holds it.
            RebuildDiffersError: one of another extent was interrupted.
        """
        number = max(await numbers_in_use(self._mongo, projection)) + 1
        fresh = {"generation": number, "tenant_id": tenant_id, "started_at": datetime.now(UTC)}
        await self._documents.update_one(
            {"_id": projection.consumer},
            {"$setOnInsert": {**fresh, "owner": owner, "paused": False, "expires_at": NEVER}},
            upsert=True,
        )
        taken = await self._take(projection, owner)
        if taken.get("is_discarded"):
            await self.discard(projection, taken["generation"])
            return await self.begin(projection, tenant_id, owner)
        if taken["tenant_id"] != tenant_id:
            await self.let_go(projection, owner)
            raise RebuildDiffersError(projection.consumer, taken["tenant_id"] or "all tenants")
        made = generation_of(projection, taken["generation"])
        is_resumed = not await self._make(made)
        return Rebuild(projection, made, tenant_id, owner, taken["started_at"], is_resumed)

    async def renew(self, rebuild: Rebuild) -> None:
        """Renew the lease.

        Raises:
            RebuildGoneError: it was cancelled or taken over.
        """
        await self._change(rebuild, {"expires_at": _later(LEASE_SECONDS)})

    async def pause(self, rebuild: Rebuild, *, paused: bool) -> None:
        """Tell those who build to wait, or to go on.

        Raises:
            RebuildGoneError: it was cancelled or taken over.
        """
        await self._change(rebuild, {"paused": paused})

    async def _change(self, rebuild: Rebuild, values: Document) -> None:
        result = await self._documents.update_one(
            {"_id": rebuild.projection.consumer, "owner": rebuild.owner}, [{"$set": values}]
        )
        if not result.matched_count:
            raise RebuildGoneError(rebuild.projection.consumer)

    async def is_paused(self, rebuild: Rebuild) -> bool:
        """True while those who build must wait.

        Raises:
            RebuildGoneError: it was cancelled or taken over.
        """
        mine = {"_id": rebuild.projection.consumer, "owner": rebuild.owner}
        found = await self._documents.find_one(mine, {"paused": 1})
        if found is None:
            raise RebuildGoneError(rebuild.projection.consumer)
        return bool(found["paused"])

    async def find(self, projection: Projection) -> Document | None:
        """The rebuild of a projection that is on, or was interrupted."""
        return await self._documents.find_one({"_id": projection.consumer})

    async def close(self, rebuild: Rebuild, session: Session) -> None:
        """Forget the rebuild, in the transaction that makes its generation the active one.

        Raises:
            RebuildGoneError: it was cancelled or taken over.
        """
        result = await self._documents.delete_one(
            {"_id": rebuild.projection.consumer, "owner": rebuild.owner}, session=session
        )
        if not result.deleted_count:
            raise RebuildGoneError(rebuild.projection.consumer)

    async def let_go(self, projection: Projection, owner: str) -> None:
        """End the lease, and with it those who build; what was made stays, to be resumed."""
        await self._documents.update_one(
            {"_id": projection.consumer, "owner": owner},
            [{"$set": {"expires_at": "$$NOW", "owner": None}}],
        )

    async def cancel(self, projection: Projection) -> bool:
        """Remove what an interrupted rebuild left; False if there is none.

        Raises:
            RebuildOnError: a process holds it.
        """
        if await self.find(projection) is None:
            return False
        found = await self._take(projection, "cancel")
        await self.discard(projection, found["generation"])
        return True

    async def abandon(self, projection: Projection, owner: str) -> None:
        """Remove the rebuild of a projection if this process has begun it."""
        found = await self.find(projection)
        if found is not None and found["owner"] == owner:
            await self.discard(projection, found["generation"])

    async def discard(self, projection: Projection, number: int) -> None:
        """Remove a generation that never was live, and the rebuild that made it."""
        if number in await numbers_in_use(self._mongo, projection):
            raise RebuildGoneError(projection.consumer)
        # From here on nobody swaps it in; whoever finds it half removed goes on removing it.
        await self._documents.update_one(
            {"_id": projection.consumer, "generation": number},
            {"$set": {"owner": None, "is_discarded": True}},
        )
        await drop_generation(self._mongo, projection, number)
        await self._documents.delete_one({"_id": projection.consumer, "generation": number})

    async def _take(self, projection: Projection, owner: str) -> Document:
        """Take the lease, that of a process that died as soon as it has run out."""
        deadline = time.monotonic() + LEASE_SECONDS + 1
        while time.monotonic() < deadline:
            taken: Document | None = await self._documents.find_one_and_update(
                {"_id": projection.consumer, "$expr": {"$lte": ["$expires_at", "$$NOW"]}},
                [{"$set": {"owner": owner, "expires_at": _later(LEASE_SECONDS)}}],
                return_document=ReturnDocument.AFTER,
            )
            if taken is not None:
                return taken
            await asyncio.sleep(_WAIT_SECONDS)
        raise await self._taken(projection)

    async def _taken(self, projection: Projection) -> RebuildOnError:
        held = await self.find(projection) or {}
        return RebuildOnError(projection.consumer, str(held.get("owner", "another process")))

    async def _make(self, generation: Generation) -> bool:
        """Make the collections, the models' without indexes; False if they were there."""
        existing = set(await self._mongo.database.list_collection_names())
        missing = [name for name in generation.collections.values() if name not in existing]
        for name in missing:
            await self._mongo.database.create_collection(name)
        if generation.roll_ups is not None:  # deltas are merged while the bulk is folded
            await make_indexes(self._mongo[generation.roll_ups], INDEXES[collections.ROLL_UPS])
        return bool(missing)


async def drop_generation(mongo: Mongo, projection: Projection, number: int) -> None:
    """Remove the checkpoints first, so that nobody writes any more, then all the rest."""
    identity = Checkpoints(mongo, projection.consumer, projection.topic, generation=number).identity
    await mongo[collections.CHECKPOINTS].delete_many(identity)
    for name in generation_of(projection, number).collections.values():
        await mongo[name].drop()
    await KeptDigests(mongo).drop(number, projection.models)


async def index_generation(mongo: Mongo, generation: Generation) -> None:
    """Give the collections of a generation the indexes of their models."""
    for model, name in generation.collections.items():
        await make_indexes(mongo[name], INDEXES[model])


def _later(seconds: float) -> Document:
    return {"$add": ["$$NOW", round(seconds * 1000)]}
