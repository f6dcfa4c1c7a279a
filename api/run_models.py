"""The shapes of the answers about runs, and of problems and health, for the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.models import Count, Page
from domain.records import RunOutcome
from domain.runs import Phase


class Counters(BaseModel):
    """What became of the rows of a run so far."""

    fetched: Count
    new_ingested: Count
    updated: Count
    unchanged: Count
    stale: Count
    deleted: Count
    restored: Count
    rejected: Count
    foreign: Count
    duplicates: Count


class Progress(BaseModel):
    """How far a run has got; `status` is null until it ends."""

    job_id: str
    tenant_id: str
    parent_id: str | None = Field(description="The run of all tenants that this one is part of.")
    phase: Phase
    status: RunOutcome | None
    requested_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    pages_done: Count
    pages_total: Count | None
    tickets_fetched: Count
    tickets_applied: Count = Field(description="Records of the run whose outcome is settled.")
    percent: Annotated[float, Field(ge=0, le=100)]
    eta_seconds: float | None = Field(description="Null while nobody can tell.")
    counters: Counters
    jobs: dict[str, str] = Field(description="For all tenants: the run of each.")
    skipped: list[str] = Field(description="For all tenants: those that another run held.")
    errors: list[str]


class RunResult(Progress, Counters):
    """A run that ended, its counters at hand."""


class RunAccepted(BaseModel):
    """A run that goes on; `status` is its phase."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "job_id": "0b0e8bb2-3f0e-4c36-9d1e-6d7f6f6f0f4a",
                    "tenant_id": "acme",
                    "status": "queued",
                    "requested_at": "2026-01-31T12:00:00.000Z",
                    "jobs": {},
                    "skipped": [],
                    "progress": "/ingest/progress/0b0e8bb2-3f0e-4c36-9d1e-6d7f6f6f0f4a",
                }
            ]
        }
    )

    job_id: str
    tenant_id: str
    status: Phase
    requested_at: datetime
    jobs: dict[str, str]
    skipped: list[str]
    progress: str


class LastRun(BaseModel):
    """The run of a tenant that ended last."""

    job_id: str
    status: RunOutcome
    phase: Phase
    requested_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    pages: Count
    counters: Counters
    errors: list[str]


class RunStatus(BaseModel):
    """Whether a run is on, which, and since when."""

    tenant_id: str
    running: bool
    job_id: str | None
    phase: Phase | None
    since: datetime | None
    last_run: LastRun | None


class LockView(BaseModel):
    """The tenant's lease; `expires_at` is null while it is held until its run ends."""

    tenant_id: str
    locked: bool
    job_id: str | None
    acquired_at: datetime | None
    expires_at: datetime | None


class AuditView(Counters):
    """How a run ended."""

    job_id: str
    tenant_id: str
    parent_id: str | None
    status: RunOutcome
    started_at: datetime
    ended_at: datetime
    pages: Count
    errors: list[str]


class AuditPage(Page):
    """Audits, newest first."""

    logs: list[AuditView]


class DependencyState(BaseModel):
    """One dependency: whether it answers, and how fast."""

    state: Literal["up", "down"]
    latency_ms: float


class Health(BaseModel):
    """Everything that the service depends on answers."""

    status: Literal["up"]
    dependencies: dict[str, DependencyState]


class Liveness(BaseModel):
    """The process serves."""

    status: Literal["alive"]


class Readiness(BaseModel):
    """Requests can be answered."""

    status: Literal["ready"]


class ParameterFinding(BaseModel):
    """What is wrong with one parameter."""

    parameter: str
    reason: str


class Problem(BaseModel):
    """RFC 9457; some kinds say more: `errors`, `job_id`, `phase`, `parent_id`, `halted`..."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:deskstream:problem:ticket-not-found",
                    "title": "Not Found",
                    "status": 404,
                    "detail": "tenant acme has no live ticket T-1001",
                    "instance": "/tickets/T-1001",
                    "request_id": "6a3f3a41-58cd-4d0f-8d9d-2f4b3cf0a2a1",
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[ParameterFinding] = Field(default_factory=list)
