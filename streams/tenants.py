"""The runs that a crawl feeds: one, or for `*` one per tenant, taken in as their rows come by."""

from functools import partial
from typing import Any

import structlog

from domain.runs import ALL_TENANTS
from infra import collections
from infra.jobs import Jobs
from infra.mongo import Document, Mongo, Session
from infra.retrying import in_transaction
from streams.routing import tenants_of

log = structlog.get_logger()


class TenantRuns:
    """The run of each tenant of a crawl; a tenant that another run holds is passed over."""

    def __init__(self, mongo: Mongo, jobs: Jobs) -> None:
        self._mongo = mongo
        self._jobs = jobs
        self._documents = mongo[collections.JOBS]

    async def of(self, job: Document, rows: list[Any]) -> dict[str, str]:
        """The run of each tenant, the new ones among these rows included."""
        if job["tenant_id"] != ALL_TENANTS:
            return {job["tenant_id"]: job["_id"]}
        skipped: list[str] = job["skipped"]
        for tenant_id in sorted(tenants_of(rows) - set(job["jobs"]) - set(skipped)):
            await self._jobs.leases.prepare(tenant_id)
            child = await in_transaction(self._mongo, partial(self._join, job, tenant_id))
            if child is None:
                skipped.append(tenant_id)
                await self._documents.update_one(
                    {"_id": job["_id"]}, {"$addToSet": {"skipped": tenant_id}}
                )
                log.warning("tenant_skipped", job_id=job["_id"], tenant_id=tenant_id)
            else:
                job["jobs"][tenant_id] = child
        return dict(job["jobs"])

    async def _join(self, job: Document, tenant_id: str, session: Session) -> str | None:
        """A run that begins behind the first page has no say about what is missing."""
        child = await self._jobs.join(job["_id"], tenant_id, session)
        if child is not None:
            since_start = job["pages_done"] == 0
            await self._documents.update_one(
                {"_id": child}, {"$set": {"since_start": since_start}}, session=session
            )
        return child
