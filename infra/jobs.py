"""Jobs: the durable document of every run, and its changes of phase, each a compare-and-set."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from domain.errors import JobNotFoundError, LeaseLostError, TenantBusyError
from domain.records import RunOutcome
from domain.runs import ACTIVE, ALL_TENANTS, ENDED
from infra import collections
from infra.job_documents import IS_OPEN, REQUESTED, new_job, open_job_of, settled_fields
from infra.leases import Leases
from infra.mongo import Document, Mongo, Session
from infra.retrying import in_transaction
from infra.run_outbox import markers
from infra.settings import Settings


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

    async def request(
        self, tenant_id: str, known_tenants: Iterable[str] = (), *, confirm_deletions: bool = False
    ) -> Document:
        """Queue a run of one tenant, or of `*`: all known tenants that are free.

        Raises:
            TenantBusyError: a run is on; for `*` another `*`, or every tenant is taken.
        """
        tenants = await self.prepare(tenant_id, known_tenants)
        wanted = {"confirm_deletions": confirm_deletions}
        return await in_transaction(
            self._mongo, lambda session: self.enqueue(tenants, wanted, session)
        )

    async def prepare(self, tenant_id: str, known_tenants: Iterable[str] = ()) -> list[str]:
        """Whose leases a run takes, `*` first; each has its document from here on."""
        children = sorted(known_tenants) if tenant_id == ALL_TENANTS else []
        for name in (tenant_id, *children):
            await self.leases.prepare(name)
        return [tenant_id, *children]

    async def enqueue(
        self, tenants: Sequence[str], wanted: Mapping[str, Any], session: Session
    ) -> Document:
        """Queue a run of the first of `tenants`, with a child for each other that is free.

        Raises:
            TenantBusyError: the first is taken, or all of the others.
        """
        job = new_job(tenants[0], None, wanted, self.partitions)
        jobs = [job, *(new_job(name, job["_id"], wanted, self.partitions) for name in tenants[1:])]
        before = [await self._take(each, session) for each in jobs]
        taken = [each for each, lease in zip(jobs, before, strict=True) if lease is not None]
        if before[0] is None or len(taken) < min(len(jobs), 2):
            raise await self._busy(tenants[0] if before[0] is None else tenants[1], session)
        busy = [each for each, lease in zip(jobs, before, strict=True) if lease is None]
        job["skipped"] = [each["tenant_id"] for each in busy]
        job["jobs"] = {child["tenant_id"]: child["_id"] for child in taken[1:]}
        await self._succeed(before, job, session)
        for each in taken:
            await self._insert(each, session)
        return job

    async def join(self, crawl_id: str, tenant_id: str, session: Session) -> str | None:
        """Add a tenant that a `*` crawl met on its way; None if another run holds it.

        Raises:
            LeaseLostError: the crawl was settled.
            TenantBusyError: only the index knew of a run; the transaction is void.
        """
        parent = await self.find(crawl_id, session)
        if parent["phase"] != "fetching":
            raise LeaseLostError(crawl_id)
        if tenant_id in parent["jobs"]:
            return str(parent["jobs"][tenant_id])
        wanted = {name: parent.get(name) for name in REQUESTED}
        begun = {"phase": "fetching", "started_at": datetime.now(UTC)}
        child = new_job(tenant_id, crawl_id, wanted | begun, self.partitions)
        before = await self._take(child, session)
        if before is None:
            return None
        await self._succeed([before], child, session)
        await self._insert(child, session)
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
        settled = await self._jobs.update_many(
            {"crawl_id": crawl_id, **IS_OPEN},
            [{"$set": settled_fields(outcome, errors)}],
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

    async def find(self, job_id: str, session: Session | None = None) -> Document:
        """The job's document.

        Raises:
            JobNotFoundError: there is none.
        """
        job = await self._jobs.find_one({"_id": job_id}, session=session)
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

    async def _take(self, job: Document, session: Session) -> Document | None:
        """Take the tenant's lease for `job`; return it as it was, or None if a run holds it.

        A job that is on holds the tenant also where the lease does not know of it.
        """
        tenant_id = job["tenant_id"]
        on = await self._jobs.find_one(open_job_of(tenant_id), {"crawl_id": 1}, session=session)
        return await self.leases.take(job, on["crawl_id"] if on else None, session)

    async def _succeed(
        self, before: Iterable[Document | None], job: Document, session: Session
    ) -> None:
        """Interrupt the crawls whose expired leases were taken: all leases before any crawl."""
        reason = f"taken over by run {job['_id']} after its lease expired"
        for crawl_id in dict.fromkeys(lease.get("crawl_id") for lease in before if lease):
            if crawl_id is not None:
                await self.settle(crawl_id, "INTERRUPTED", [reason], session)

    async def _insert(self, job: Document, session: Session) -> None:
        tenant_id = job["tenant_id"]
        complete = {"tenant_id": tenant_id, "complete": True}
        previous = await self._jobs.find_one(
            complete, {"_id": 1}, sort=[("requested_at", DESCENDING)], session=session
        )
        job["previous_complete"] = previous["_id"] if previous else None
        try:
            await self._jobs.insert_one(job, session=session)
        except DuplicateKeyError:
            # The server has ended the transaction: who is on must be asked outside of it.
            raise await self._busy(tenant_id, None) from None

    async def _busy(self, tenant_id: str, session: Session | None) -> TenantBusyError:
        lease = await self.leases.find(tenant_id, session)
        if lease is None:
            lease = {"job_id": None}
        if lease["job_id"] is None:
            on = await self._jobs.find_one(open_job_of(tenant_id), {"_id": 1}, session=session)
            lease["job_id"] = on["_id"] if on else None
        return TenantBusyError(tenant_id, lease["job_id"])


def jobs_of(mongo: Mongo, settings: Settings) -> Jobs:
    """The jobs of this deployment."""
    return Jobs(mongo, lease_seconds=settings.lease_seconds, partitions=settings.kafka_partitions)
