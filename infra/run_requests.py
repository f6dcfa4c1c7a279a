"""What is asked of runs from outside: to start one, once per idempotency key, or to stop one."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import structlog

from domain.errors import (
    IdempotencyKeyReusedError,
    PartOfRunError,
    RunEndedError,
)
from infra import collections
from infra.job_documents import OPEN
from infra.jobs import Jobs
from infra.mongo import Document, Mongo, Session
from infra.retrying import in_transaction
from infra.telemetry import current_request
from infra.tracing import current_traceparent

log = structlog.get_logger()

KEY_KEPT: Final = timedelta(hours=24)
CANCELLED: Final = "cancelled on request"


class RunRequest(NamedTuple):
    """A run that somebody wants; a key stands for exactly one."""

    tenant_id: str
    confirm_deletions: bool = False


class Requested(NamedTuple):
    """The job that a request led to, now or when its key was first used."""

    job: Document
    is_replayed: bool


class RunRequests:
    """Starts and stops runs; whatever process is asked, one transaction decides."""

    def __init__(self, mongo: Mongo, jobs: Jobs) -> None:
        self._mongo = mongo
        self._jobs = jobs
        self._keys = mongo[collections.IDEMPOTENCY_KEYS]

    async def start(
        self, request: RunRequest, known_tenants: Iterable[str] = (), key: str | None = None
    ) -> Requested:
        """Queue a run, unless `key` started one within 24 hours: then that one is the answer.

        A key belongs to its tenant: what another one does under it is nobody's business here.

        Raises:
            TenantBusyError: another run is on; the key stays unused.
            IdempotencyKeyReusedError: the key was used for another request.
        """
        tenants = await self._jobs.prepare(request.tenant_id, known_tenants)
        wanted = {
            "confirm_deletions": request.confirm_deletions,
            "request_id": current_request(),
            "traceparent": current_traceparent(),
        }

        async def once(session: Session) -> Requested:
            if key is not None and (earlier := await self._earlier(key, request, session)):
                return Requested(earlier, is_replayed=True)
            job = await self._jobs.enqueue(tenants, wanted, session)
            if key is not None:
                await self._keep(key, request, job["_id"], session)
            return Requested(job, is_replayed=False)

        requested = await in_transaction(self._mongo, once)
        log.info("run_requested", job_id=requested.job["_id"], is_replayed=requested.is_replayed)
        return requested

    async def cancel(self, job_id: str) -> Document:
        """Fix a run's outcome, CANCELLED, whatever worker runs it; return it as it is now.

        Raises:
            JobNotFoundError: there is none.
            RunEndedError: its outcome was fixed before.
            PartOfRunError: a run of all tenants fetches for it, and goes on.
        """

        async def end(session: Session) -> Document:
            job = await self._jobs.find(job_id, session)
            if job["phase"] not in OPEN:
                raise RunEndedError(job_id, job["phase"])
            if job["parent_id"] is not None:
                raise PartOfRunError(job_id, job["parent_id"])
            await self._jobs.settle(job_id, "CANCELLED", [CANCELLED], session)
            return await self._jobs.find(job_id, session)

        return await in_transaction(self._mongo, end)

    async def _earlier(self, key: str, request: RunRequest, session: Session) -> Document | None:
        fresh = {"_id": _id_of(key, request), "$expr": {"$gt": ["$purge_after", "$$NOW"]}}
        kept = await self._keys.find_one(fresh, session=session)
        if kept is None:
            return None
        if RunRequest(kept["tenant_id"], kept["confirm_deletions"]) != request:
            raise IdempotencyKeyReusedError(key)
        return await self._jobs.find(kept["job_id"], session)

    async def _keep(self, key: str, request: RunRequest, job_id: str, session: Session) -> None:
        # The server purges about once a minute; until then an old key stands in the way.
        stored = _id_of(key, request)
        await self._keys.delete_one({"_id": stored}, session=session)
        kept = {"_id": stored, "job_id": job_id, "purge_after": datetime.now(UTC) + KEY_KEPT}
        await self._keys.insert_one(kept | request._asdict(), session=session)


def _id_of(key: str, request: RunRequest) -> Document:
    """A document, so that no key of one tenant can look like one of another."""
    return {"tenant_id": request.tenant_id, "key": key}
