"""Scopes: the only ways to a collection, so that no query can forget whose documents it wants."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from pymongo.errors import ExecutionTimeout, OperationFailure
from pymongo.read_concern import ReadConcern

from api.errors import RollUpsMissingError, TooMuchToCountError
from domain.access import GrantedTenant
from domain.events import Tally
from infra import collections
from infra.mongo import Collection, Document, Mongo
from infra.read_models import active

Query = Mapping[str, Any]
SortKeys = Sequence[tuple[str, int]]
T = TypeVar("T")

_LONGEST_MS = 20_000  # of any one query
_LONGEST_COUNT_MS = 10_000
_LONGEST_LIST_MS = 5_000
_LONGEST_EXPORT_MS = 600_000  # of MongoDB's time, all batches together
_NO_SUCH_INDEX = 2  # BadValue


class TenantCollection:
    """A read model as one tenant sees it: every query carries the tenant's id, last."""

    def __init__(self, collection: Collection, tenant_id: str) -> None:
        self._collection = collection
        self._tenant_id = tenant_id
        self.name = collection.name

    async def find_one(self, query: Query) -> Document | None:
        """One document of the tenant that matches."""
        return await self._collection.find_one(self._mine(query), max_time_ms=_LONGEST_MS)

    async def find(
        self, query: Query, sort: SortKeys, *, limit: int, skip: int = 0, index: str | None = None
    ) -> list[Document]:
        """The tenant's documents that match, in order, by an index if it is there.

        Raises:
            ExecutionTimeout: it takes longer than a list may.
        """

        def found(hint: str | None) -> Awaitable[list[Document]]:
            cursor = self._collection.find(
                self._mine(query), hint=hint, max_time_ms=_LONGEST_LIST_MS
            )
            cursor = cursor.sort(list(sort)).skip(skip).limit(limit)
            return cursor.batch_size(limit).to_list(limit)  # one answer, not one per 101 rows

        return await _by(index, found)

    async def batches(
        self, query: Query, sort: SortKeys, *, size: int, index: str | None = None
    ) -> AsyncGenerator[list[Document]]:
        """All of the tenant's documents that match, in order, by an index if it is there.

        One walk, and only the batch at hand is in memory.  It ends with an error, never early,
        where it cannot go on: the collection was dropped, nobody asked for the next batch for
        ten minutes, or it takes longer than an export may.
        """
        is_there = index in await self._collection.index_information()
        cursor = self._collection.find(
            self._mine(query),
            hint=index if is_there else None,
            batch_size=size,
            max_time_ms=_LONGEST_EXPORT_MS,
        ).sort(list(sort))
        try:
            while batch := await cursor.to_list(size):
                yield batch
        finally:
            # Whoever waits for it may be cancelled; the server is told all the same.
            await asyncio.shield(cursor.close())

    async def count(self, query: Query, index: str | None = None) -> int:
        """How many documents of the tenant match.

        Raises:
            ExecutionTimeout: it takes longer than a list may.
        """

        def counted(hint: str | None) -> Awaitable[int]:
            options: Document = {"maxTimeMS": _LONGEST_LIST_MS}
            if hint is not None:
                options["hint"] = hint
            return self._collection.count_documents(self._mine(query), **options)

        return await _by(index, counted)

    async def aggregate(self, query: Query, stages: Iterable[Document]) -> list[Document]:
        """What the stages make of the tenant's documents that match, all of one snapshot.

        Raises:
            TooMuchToCountError: it takes longer than an answer may.
        """
        snapshot = self._collection.with_options(read_concern=ReadConcern("snapshot"))
        pipeline = [{"$match": self._mine(query)}, *stages]
        cursor = snapshot.aggregate(pipeline, allowDiskUse=True, maxTimeMS=_LONGEST_COUNT_MS)
        try:
            return await cursor.to_list(None)
        except ExecutionTimeout:
            raise TooMuchToCountError from None

    def lookup(self, query: Query, stages: Iterable[Document], field: str) -> Document:
        """A `$lookup` stage that adds, as `field`, other documents of the tenant."""
        pipeline = [{"$match": self._mine(query)}, *stages]
        return {"$lookup": {"from": self.name, "pipeline": pipeline, "as": field}}

    def union(self, query: Query, stages: Iterable[Document]) -> Document:
        """A `$unionWith` stage that adds other documents of the tenant."""
        return {
            "$unionWith": {"coll": self.name, "pipeline": [{"$match": self._mine(query)}, *stages]}
        }

    def _mine(self, query: Query) -> Document:
        return {**query, "tenant_id": self._tenant_id}


async def _by(index: str | None, asked: Callable[[str | None], Awaitable[T]]) -> T:
    """What is asked, by an index; without it while an upgrade still makes it."""
    try:
        return await asked(index)
    except OperationFailure as error:
        if index is None or error.code != _NO_SUCH_INDEX:
            raise
        return await asked(None)


class TenantScope:
    """What one tenant may see, for one request: all of it of the generation that is active now."""

    def __init__(self, mongo: Mongo, granted: GrantedTenant) -> None:
        self._mongo = mongo
        self._names: dict[str, str] | None = None
        self.tenant_id = granted.tenant_id

    async def tickets(self) -> TenantCollection:
        """The tenant's tickets."""
        return await self._active(collections.TICKETS)

    async def history(self) -> TenantCollection:
        """The changes of the tenant's tickets."""
        return await self._active(collections.TICKET_HISTORY)

    async def ingestion_logs(self) -> TenantCollection:
        """The audits of the tenant's runs."""
        return await self._active(collections.INGESTION_LOGS)

    async def roll_ups(self) -> TenantCollection:
        """The sums over the tenant's tickets.

        Raises:
            RollUpsMissingError: the tickets were projected by a release that made none.
        """
        if collections.ROLL_UPS not in await self._resolved():
            raise RollUpsMissingError
        return await self._active(collections.ROLL_UPS)

    def alerts(self) -> TenantCollection:
        """The tenant's alerts, which no rebuild touches."""
        return TenantCollection(self._mongo[collections.ALERTS], self.tenant_id)

    async def _active(self, model: str) -> TenantCollection:
        names = await self._resolved()
        return TenantCollection(self._mongo[names[model]], self.tenant_id)

    async def _resolved(self) -> Mapping[str, str]:
        if self._names is None:
            self._names = await active(self._mongo)
        return self._names


class Deployment:
    """What belongs to no single tenant: who the tenants are, and the runs of all of them."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def known_tenants(self) -> list[str]:
        """Every tenant that a ticket was ever seen of."""
        names = await active(self._mongo)
        found = await self._mongo[names[collections.TICKETS]].distinct("tenant_id")
        return sorted(str(tenant_id) for tenant_id in found)

    async def children(self, job_id: str) -> list[Document]:
        """The job documents under the parent `job_id`."""
        return await self._mongo[collections.JOBS].find({"parent_id": job_id}).to_list(None)

    async def applied(self, job_ids: Iterable[str]) -> Tally:
        """What became so far of the records of these jobs."""
        found = self._mongo[collections.RUN_TALLIES].find({"job_id": {"$in": list(job_ids)}})
        tallies = [msgspec.convert(row["tally"], Tally) async for row in found]
        return sum(tallies, Tally())
