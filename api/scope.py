"""Scopes: the only ways to a collection, so that no query can forget whose documents it wants."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from pymongo.read_concern import ReadConcern

from api.errors import RollUpsMissingError
from domain.events import Tally
from infra import collections
from infra.mongo import Collection, Document, Mongo
from infra.read_models import active

Query = Mapping[str, Any]
SortKeys = Sequence[tuple[str, int]]

_LONGEST_MS = 20_000  # of any one query


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
        self, query: Query, sort: SortKeys, *, limit: int, skip: int = 0
    ) -> list[Document]:
        """The tenant's documents that match, in order."""
        cursor = self._collection.find(self._mine(query), max_time_ms=_LONGEST_MS)
        return await cursor.sort(list(sort)).skip(skip).limit(limit).to_list(limit)

    async def count(self, query: Query) -> int:
        """How many documents of the tenant match."""
        return await self._collection.count_documents(self._mine(query), maxTimeMS=_LONGEST_MS)

    async def aggregate(self, query: Query, stages: Iterable[Document]) -> list[Document]:
        """What the stages make of the tenant's documents that match, all of one snapshot."""
        snapshot = self._collection.with_options(read_concern=ReadConcern("snapshot"))
        pipeline = [{"$match": self._mine(query)}, *stages]
        cursor = snapshot.aggregate(pipeline, allowDiskUse=True, maxTimeMS=_LONGEST_MS)
        return await cursor.to_list(None)

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


class TenantScope:
    """What one tenant may see, for one request: all of it of the generation that is active now."""

    def __init__(self, mongo: Mongo, tenant_id: str) -> None:
        self._mongo = mongo
        self._names: dict[str, str] | None = None
        self.tenant_id = tenant_id

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
