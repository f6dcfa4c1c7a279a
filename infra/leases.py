"""Leases: one run per tenant, by the server's clock, with a fencing token."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from infra import collections
from infra.mongo import Document, Mongo, Session

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNTIL_THE_RUN_ENDS: Final = datetime(9999, 12, 31, tzinfo=UTC)

# A lease that another program left without a date is held by nobody.
_HELD: Final[Document] = {
    "$and": [{"$eq": [{"$type": "$expires_at"}, "date"]}, {"$gt": ["$expires_at", "$$NOW"]}]
}

# Stages that put beside each job the lease of its tenant, as `lease`.
WITH_LEASE: Final[list[Document]] = [
    {
        "$lookup": {
            "from": collections.LEASES,
            "localField": "tenant_id",
            "foreignField": "_id",
            "as": "lease",
        }
    },
    {"$set": {"lease": {"$first": "$lease"}}},
]


class Leases:
    """One document per tenant: `job_id, crawl_id, token, acquired_at, expires_at`."""

    def __init__(self, mongo: Mongo, seconds: float) -> None:
        self._leases = mongo[collections.LEASES]
        self.seconds = seconds
        self._milliseconds = round(seconds * 1000)

    async def prepare(self, tenant_id: str) -> None:
        """Make the tenant's document, free; in a transaction an upsert could fail for ever."""
        free = {"job_id": None, "crawl_id": None, "token": 0, "acquired_at": NEVER}
        try:
            await self._leases.update_one(
                {"_id": tenant_id},
                {"$setOnInsert": {**free, "expires_at": NEVER}},
                upsert=True,
            )
        except DuplicateKeyError:
            return  # another process was quicker

    async def take(
        self, job: Document, predecessor: str | None, session: Session
    ) -> Document | None:
        """Take the lease of the job's tenant if it is free or expired.

        Return it as it was, or None.  Where a crawl is on, the `predecessor`, it must be its lease.
        """
        free: Document = {"_id": job["tenant_id"], "$expr": {"$not": [_HELD]}}
        return await self._leases.find_one_and_update(
            free if predecessor is None else free | {"crawl_id": predecessor},
            self._taken({"job_id": job["_id"], "crawl_id": job["crawl_id"]}),
            return_document=ReturnDocument.BEFORE,
            session=session,
        )

    async def take_over(self, crawl_id: str, session: Session) -> int:
        """Renew every lease of a crawl whose worker is gone, under a new token; return how many."""
        result = await self._leases.update_many(
            {"crawl_id": crawl_id}, self._taken({}), session=session
        )
        return result.matched_count

    async def renew(self, crawl_id: str, worker: str) -> int:
        """Move the end of every lease that the crawl still holds; return how many.

        A lease that is kept until the run ends stays so.
        """
        result = await self._leases.update_many(
            {"crawl_id": crawl_id, "expires_at": {"$lt": _UNTIL_THE_RUN_ENDS}},
            [{"$set": {"worker": worker, "expires_at": self._end()}}],
        )
        return result.matched_count

    async def renew_all(self, crawl_ids: Sequence[str]) -> None:
        """Move the end of the leases of crawls that no worker has taken yet."""
        await self._leases.update_many(
            {"crawl_id": {"$in": crawl_ids}, "expires_at": {"$lt": _UNTIL_THE_RUN_ENDS}},
            [{"$set": {"expires_at": self._end()}}],
        )

    async def give_back(self, crawl_id: str) -> None:
        """Let the crawl's leases expire now, so that another worker resumes it at once."""
        await self._leases.update_many(
            {"crawl_id": crawl_id, "expires_at": {"$lt": _UNTIL_THE_RUN_ENDS}},
            [{"$set": {"expires_at": "$$NOW"}}],
        )

    async def keep_until_the_run_ends(self, tenant_id: str, job_id: str, session: Session) -> None:
        """From now on no heartbeat is needed: the run only waits for the projector."""
        await self._leases.update_one(
            {"_id": tenant_id, "job_id": job_id},
            {"$set": {"expires_at": _UNTIL_THE_RUN_ENDS}},
            session=session,
        )

    async def release(self, tenant_id: str, job_id: str, session: Session) -> None:
        """Free the tenant, if the lease is still this run's."""
        await self._leases.update_one(
            {"_id": tenant_id, "job_id": job_id},
            {"$set": {"expires_at": NEVER, "job_id": None, "crawl_id": None}},
            session=session,
        )

    async def find(self, tenant_id: str, session: Session | None = None) -> Document | None:
        """The tenant's lease if it is held now, by the server's clock.

        What another program wrote there may name no job: then `job_id` is None.
        """
        lease = await self._leases.find_one({"_id": tenant_id, "$expr": _HELD}, session=session)
        if lease is None:
            return None
        job_id, acquired_at = lease.get("job_id"), lease.get("acquired_at")
        lease["job_id"] = job_id if isinstance(job_id, str) else None
        lease["acquired_at"] = acquired_at if isinstance(acquired_at, datetime) else None
        return lease

    async def is_expired(self, tenant_id: str, session: Session) -> bool:
        """True if nobody holds the tenant, by the server's clock."""
        return await self.find(tenant_id, session) is None

    def _taken(self, fields: dict[str, Any]) -> list[dict[str, Any]]:
        taken = {
            **fields,
            "token": {"$add": [{"$cond": [{"$isNumber": "$token"}, "$token", 0]}, 1]},
            "acquired_at": "$$NOW",
            "expires_at": self._end(),
        }
        return [{"$set": taken}]

    def _end(self) -> dict[str, Any]:
        return {"$add": ["$$NOW", self._milliseconds]}
