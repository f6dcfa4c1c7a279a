"""`/ingest`: runs, started, watched and remembered."""

from datetime import MAXYEAR, UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request

from api.access import RunReader, RunWriter
from api.answers import JsonResponse
from api.audit_queries import newest_audits
from api.dependencies import Connections, JobPath, TargetPath
from api.documents import shown_audit, shown_instant
from api.idempotency import REPLAYED, REPLAYED_DOCUMENT, RequestKey
from api.links import next_link
from api.openapi import problems
from api.parameters import CancelQuery, LogsQuery, NoParameters, RunQuery, TargetQuery
from api.run_models import AuditPage, LockView, Progress, RunAccepted, RunResult, RunStatus
from api.runs import accepted, last_run, progress
from domain.runs import ENDED
from infra.run_requests import RunRequest

_CANNOT_STOP: Final = (
    "It has ended or is about to (`run-ended`), or a run of all tenants fetches for it"
    " (`part-of-run`; `parent_id` names the one to stop)."
)

router = APIRouter(prefix="/ingest", tags=["ingest"])


@router.post(
    "/run",
    response_model=RunResult,
    response_description="The run ended within `wait`.",
    responses={
        **problems(409),
        200: {"headers": REPLAYED_DOCUMENT},
        202: {
            "model": RunAccepted,
            "description": "The run is queued, or `wait` ran out.",
            "headers": REPLAYED_DOCUMENT,
        },
    },
)
async def start_run(
    request: Request,
    caller: RunWriter,
    services: Connections,
    query: Annotated[RunQuery, Query()],
    key: RequestKey,
) -> JsonResponse:
    """Start a run; with `wait`, stay for its end."""
    runs = services.runs(caller)
    wanted = RunRequest(query.tenant_id, query.confirm_deletions)
    job, is_replayed = await runs.start(wanted, key)
    services.wake_ups.send(job)
    location = request.url.path.removesuffix("/run") + f"/progress/{job['_id']}"
    headers = {"Location": location, **(REPLAYED if is_replayed else {})}
    if query.wait:
        job = await runs.wait_for_end(job, query.wait, request.is_disconnected)
    if job["phase"] in ENDED:
        shown = progress(await runs.state(job["_id"]), datetime.now(UTC))
        return JsonResponse({**shown, **shown["counters"]}, headers=headers)
    return JsonResponse(accepted(job, location), status_code=202, headers=headers)


@router.delete(
    "/{job_id}",
    response_model=Progress,
    response_description="The run has ended.",
    responses={
        **problems(404),
        409: {**problems(409)[409], "description": _CANNOT_STOP},
        202: {"model": Progress, "description": "It fetches nothing more, but has not ended yet."},
    },
)
async def stop_run(
    request: Request,
    caller: RunWriter,
    job_id: JobPath,
    services: Connections,
    query: Annotated[CancelQuery, Query()],
) -> JsonResponse:
    """Stop a run, whichever worker has it; what it ingested stays, nothing is deleted.

    A run of all tenants ends with the runs that it consists of.
    """
    runs = services.runs(caller)
    job = await runs.stop(job_id)
    services.wake_ups.send(job)
    job = await runs.wait_for_end(job, query.wait, request.is_disconnected)
    shown = progress(await runs.state(job_id), datetime.now(UTC))
    return JsonResponse(shown, status_code=200 if job["phase"] in ENDED else 202)


@router.get("/status", response_model=RunStatus, responses=problems())
async def get_status(
    caller: RunReader, services: Connections, query: Annotated[TargetQuery, Query()]
) -> JsonResponse:
    """Whether a run is on, and how the last one ended."""
    runs = services.runs(caller)
    job = await runs.active(query.tenant_id)
    last = await runs.last_ended(query.tenant_id)
    answer = {
        "tenant_id": query.tenant_id,
        "running": job is not None,
        "job_id": job["_id"] if job else None,
        "phase": job["phase"] if job else None,
        "since": shown_instant(job["started_at"] or job["requested_at"]) if job else None,
        "last_run": last_run(last) if last else None,
    }
    return JsonResponse(answer)


@router.get("/progress/{job_id}", response_model=Progress, responses=problems(404))
async def get_progress(
    caller: RunReader, job_id: JobPath, services: Connections, _: Annotated[NoParameters, Query()]
) -> JsonResponse:
    """How far a run has got; it stays readable for ever.

    `completed` means applied: all that the run changed can be read through the API.
    """
    state = await services.runs(caller).state(job_id)
    return JsonResponse(progress(state, datetime.now(UTC)))


@router.get("/lock/{tenant_id}", response_model=LockView, responses=problems())
async def get_lock(
    caller: RunReader,
    tenant_id: TargetPath,
    services: Connections,
    _: Annotated[NoParameters, Query()],
) -> JsonResponse:
    """The lease that lets one run at a time work for a tenant, by the database's clock."""
    lease = await services.runs(caller).lease(tenant_id)
    # A lease without a heartbeat is held until the run ends: to the end of the calendar.
    kept = lease is not None and lease["expires_at"].year == MAXYEAR
    answer = {
        "tenant_id": tenant_id,
        "locked": lease is not None,
        "job_id": lease["job_id"] if lease else None,
        "acquired_at": shown_instant(lease["acquired_at"]) if lease else None,
        "expires_at": shown_instant(lease["expires_at"]) if lease and not kept else None,
    }
    return JsonResponse(answer)


@router.get("/logs", response_model=AuditPage, responses=problems())
async def list_logs(
    request: Request,
    caller: RunReader,
    services: Connections,
    query: Annotated[LogsQuery, Query()],
) -> JsonResponse:
    """How the runs of a tenant ended, newest first."""
    scope = services.scope(caller.grant(query.tenant_id))
    found = await newest_audits(scope, query.limit, query.cursor)
    answer = {
        "logs": [shown_audit(document) for document in found.documents],
        "limit": found.limit,
        "next_cursor": found.next_cursor,
    }
    headers = next_link(request, cursor=found.next_cursor) if found.next_cursor else {}
    return JsonResponse(answer, headers=headers)
