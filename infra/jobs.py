"""Jobs: the durable document of every run, and its changes of phase, each a compare-and-set."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from pymongo import DESCENDING

from domain.errors import JobNotFoundError, TenantBusyError
from domain.records import RunOutcome
from domain.runs import ACTIVE, ALL_TENANTS, ENDED
from infra import collections
from infra.leases import Leases
from infra.mongo import Document, Mongo, Session
from infra.retrying import in_transaction
from infra.run_outbox import markers

_UNSTARTED: Final[Document] = {
    "phase": "queued",
    "outcome": None,
    "started_at": None,
    "ended_at": None,
    "worker": None,
    "token": 0,
    "resumes": 0,
    "next_page": 1,
    "sequence": 0,
    "pages_done": 0,
    "pages_total": None,
    "total_count": None,
    "sweep": 1,
    "reconciled": False,
    "confirm_deletions": False,
    "complete": False,
    "previous_complete": None,
    "fetch_percent": 0,
    "fetched": 0,
    "foreign": 0,
    "rejected": 0,
    "warnings": [],
    "tally": None,
}


class Jobs:
    """What API, workers and projectors know of runs.

    A crawl is one job, or for `*` a parent with a child per tenant; leases and markers belong to
    the jobs that name a tenant, pages and the fetching phase to the crawl.
    """

    def __init__(self, mongo: Mongo, *, lease_seconds: float, partitions: int) -> None:
        self._mongo = mongo
        self._jobs = mongo[collections.JOBS]
        self._outbox = mongo[collections.CRAWL_OUTBOX]
        self.leases = Leases(mongo, lease_seconds)
        self.partitions = partitions

    async def request(self, tenant_id: str, known_tenants: Iterable[str] = ()) -> Document:
        """Queue a run of one tenant, or of `*`: all known tenants that are free.

        Raises:
            TenantBusyError: a run is on; for `*` another `*`, or every tenant is taken.
        """
        children = sorted(known_tenants) if tenant_id == ALL_TENANTS else []
        for name in (tenant_id, *children):
            await self.leases.prepare(name)

        async def queue(session: Session) -> Document:
            job = self._new(tenant_id, parent_id=None)
            if not await self._join(job, job["_id"], session):
                raise await self._busy(tenant_id, session)
            job["jobs"] = {}
            for name in children:
                child = self._new(name, parent_id=job["_id"])
                if await self._join(child, job["_id"], session):
                    job["jobs"][name] = child["_id"]
            if children and not job["jobs"]:
                raise await self._busy(children[0], session)
            await self._jobs.update_one(
                {"_id": job["_id"]}, {"$set": {"jobs": job["jobs"]}}, session=session
            )
            return job

        return await in_transaction(self._mongo, queue)

    async def join(self, crawl_id: str, tenant_id: str, session: Session) -> str | None:
        """Add a tenant that a `*` crawl met on its way; None if another run holds it."""
        child = self._new(tenant_id, parent_id=crawl_id) | {
            "phase": "fetching",
            "started_at": datetime.now(UTC),
        }
        if not await self._join(child, crawl_id, session):
            return None
        await self._jobs.update_one(
            {"_id": crawl_id}, {"$set": {f"jobs.{tenant_id}": child["_id"]}}, session=session
        )
        return str(child["_id"])

    async def settle(
        self, crawl_id: str, outcome: RunOutcome, errors: Iterable[str], session: Session
    ) -> bool:
        """Fix how a crawl ended, once: the markers follow from it.  False if it was settled before.

        From here the tenants stay taken without a heartbeat, until all is applied.
        """
        await self._jobs.update_many(
            {"_id": crawl_id, "phase": {"$in": ["queued", "fetching"]}},
            {"$push": {"errors": {"$each": list(errors)}}},
            session=session,
        )
        settled = await self._jobs.update_many(
            {"crawl_id": crawl_id, "phase": {"$in": ["queued", "fetching"]}},
            [{"$set": {"phase": "applying", "outcome": _with_reservations(outcome)}}],
            session=session,
        )
        if not settled.modified_count:
            return False
        async for job in self._jobs.find({"crawl_id": crawl_id}, session=session):
            await self.leases.keep_until_the_run_ends(job["tenant_id"], job["_id"], session)
            if job["tenant_id"] != ALL_TENANTS:
                await self._outbox.insert_one(
                    markers(job, datetime.now(UTC), self.partitions), session=session
                )
        return True

    async def find(self, job_id: str) -> Document:
        """The job's document.

        Raises:
            JobNotFoundError: there is none.
        """
        job = await self._jobs.find_one({"_id": job_id})
        if job is None:
            raise JobNotFoundError(job_id)
        return job

    async def active(self, tenant_id: str) -> Document | None:
        """The tenant's run that is on, if any."""
        wanted = {"tenant_id": tenant_id, "phase": {"$in": list(ACTIVE)}}
        return await self._jobs.find_one(wanted, sort=[("requested_at", DESCENDING)])

    async def last_ended(self, tenant_id: str) -> Document | None:
        """The tenant's latest run that ended, if any."""
        wanted = {"tenant_id": tenant_id, "phase": {"$in": list(ENDED)}}
        return await self._jobs.find_one(wanted, sort=[("requested_at", DESCENDING)])

    async def _join(self, job: dict[str, Any], crawl_id: str, session: Session) -> bool:
        """Take the tenant's lease for `job` and store it; an expired predecessor is interrupted."""
        tenant_id = job["tenant_id"]
        before = await self.leases.take(tenant_id, job["_id"], crawl_id, session)
        if before is None:
            return False
        if before["crawl_id"] is not None:
            reason = f"taken over by run {job['_id']} after its lease expired"
            await self.settle(before["crawl_id"], "INTERRUPTED", [reason], session)
        await self._jobs.insert_one({**job, "crawl_id": crawl_id}, session=session)
        return True

    async def _busy(self, tenant_id: str, session: Session) -> TenantBusyError:
        lease = await self.leases.find(tenant_id, session)
        return TenantBusyError(tenant_id, lease["job_id"] if lease else None)

    def _new(self, tenant_id: str, parent_id: str | None) -> dict[str, Any]:
        return {
            **_UNSTARTED,
            "_id": str(uuid.uuid4()),
            "tenant_id": tenant_id,
            "parent_id": parent_id,
            "requested_at": datetime.now(UTC),
            "errors": [],
            "jobs": {},
            "sent": [0] * self.partitions,
        }


def _with_reservations(outcome: RunOutcome) -> Any:  # noqa: ANN401 (an expression of MongoDB)
    """A success is a partial one where the crawl noted a reservation on the job."""
    if outcome != "SUCCESS":
        return outcome
    return {"$cond": [{"$eq": ["$partial", True]}, "PARTIAL_SUCCESS", "SUCCESS"]}
