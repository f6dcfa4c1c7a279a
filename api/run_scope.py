"""Runs as one caller may see and change them: the only way from a request to a job."""

from collections.abc import Awaitable, Callable

from api.runs import RunQueries, RunState
from api.scope import Deployment
from domain.access import Caller
from domain.errors import JobNotFoundError
from domain.runs import ALL_TENANTS
from infra.jobs import Jobs
from infra.mongo import Document
from infra.run_requests import Requested, RunRequest, RunRequests


class RunScope:
    """The runs of the tenants that a caller may act for; all others are none."""

    def __init__(
        self, caller: Caller, jobs: Jobs, requests: RunRequests, deployment: Deployment
    ) -> None:
        self._caller = caller
        self._jobs = jobs
        self._requests = requests
        self._deployment = deployment
        self._queries = RunQueries(jobs, deployment)

    async def start(self, request: RunRequest, key: str | None) -> Requested:
        """Start a run, or find the one that the idempotency key started before.

        Raises:
            TenantHiddenError, MissingScopeError, BoundKeyError: not for this caller.
            TenantBusyError, IdempotencyKeyReusedError: as `RunRequests.start` says.
        """
        self._caller.grant(request.tenant_id)
        of_all = request.tenant_id == ALL_TENANTS
        known = await self._deployment.known_tenants() if of_all else []
        return await self._requests.start(request, known, key)

    async def stop(self, job_id: str) -> Document:
        """Stop a run; return its job.

        Raises:
            JobNotFoundError: there is none, or it is of a tenant that the caller does not see.
            RunEndedError, PartOfRunError: as `RunRequests.cancel` says.
        """
        self._check(await self._jobs.find(job_id))
        return await self._requests.cancel(job_id)

    async def state(self, job_id: str) -> RunState:
        """How far a run has got.

        Raises:
            JobNotFoundError: there is none, or it is of a tenant that the caller does not see.
        """
        state = await self._queries.state(job_id)
        self._check(state.job)
        return state

    async def wait_for_end(
        self, job: Document, seconds: float, is_gone: Callable[[], Awaitable[bool]]
    ) -> Document:
        """The job as last seen: ended, or when the time ran out or whoever waits `is_gone`."""
        return await self._queries.wait_for_end(job, seconds, is_gone)

    async def active(self, tenant_id: str) -> Document | None:
        """The tenant's run that is on, if any.

        Raises:
            TenantHiddenError, MissingScopeError, BoundKeyError: not for this caller.
        """
        return await self._jobs.active(self._caller.grant(tenant_id).tenant_id)

    async def last_ended(self, tenant_id: str) -> Document | None:
        """The tenant's latest run that ended, if any; it raises what `active` does."""
        return await self._jobs.last_ended(self._caller.grant(tenant_id).tenant_id)

    async def lease(self, tenant_id: str) -> Document | None:
        """The lease that a run holds on the tenant, if any; it raises what `active` does."""
        return await self._jobs.leases.find(self._caller.grant(tenant_id).tenant_id)

    def _check(self, job: Document) -> None:
        """A run of somebody else's tenant is none; one of all tenants wants what `*` wants."""
        if not self._caller.sees(job["tenant_id"]):
            raise JobNotFoundError(job["_id"])
        self._caller.grant(job["tenant_id"])
