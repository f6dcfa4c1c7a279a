"""Examples of problems for the OpenAPI document: what each kind says, from a real error of it."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from api.errors import (
    ForeignPageError,
    HaltedError,
    ParameterError,
    RollUpsMissingError,
    SlowListError,
    TooMuchToCountError,
    UnhealthyError,
)
from api.problem_kinds import KINDS, Kind, content
from domain.access import KeyScope
from domain.access_errors import BoundKeyError, MissingScopeError, TenantHiddenError
from domain.alert_errors import AlertDeliveredError, AlertNotFoundError
from domain.errors import (
    CircuitNotFoundError,
    DependencyDownError,
    DeskstreamError,
    IdempotencyKeyReusedError,
    JobNotFoundError,
    PartOfRunError,
    RunEndedError,
    TenantBusyError,
    TenantNotFoundError,
    TicketNotFoundError,
)

_JOB: Final = "0b0e8bb2-3f0e-4c36-9d1e-6d7f6f6f0f4a"
_PARENT: Final = "5f1c2f6e-0c39-4a3f-8b84-6f0f8f5a9d11"
_ALERT: Final = "3f0e5a0c-6c2b-5f7e-9d0f-8a2b7c1d4e5f"
_REQUEST: Final = "6a3f3a41-58cd-4d0f-8d9d-2f4b3cf0a2a1"
_SAMPLES: Final[tuple[DeskstreamError, ...]] = (
    JobNotFoundError(_JOB),
    TicketNotFoundError("acme", "T-1001"),
    TenantNotFoundError("acme"),
    TenantHiddenError("acme"),
    MissingScopeError((KeyScope.TICKETS_READ,)),
    BoundKeyError(),
    ForeignPageError("https://shop.example"),
    AlertNotFoundError(_ALERT),
    AlertDeliveredError(_ALERT),
    CircuitNotFoundError("mongodb"),
    TenantBusyError("acme", _JOB),
    RunEndedError(_JOB, "completed"),
    PartOfRunError(_JOB, _PARENT),
    IdempotencyKeyReusedError("8e03978e-40d5-43dd-bc93-6894a57f9324"),
    ParameterError("tenant_id", "Field required"),
    DependencyDownError("MongoDB"),
    RollUpsMissingError(),
    TooMuchToCountError(),
    SlowListError("ask for one status"),
    HaltedError([{"consumer": "tickets", "topic": "tickets.changes", "partition": 3}]),
    UnhealthyError(
        {
            "mongodb": {"state": "up", "latency_ms": 1.3},
            "kafka": {"state": "down", "latency_ms": 1500.0},
            "helpdesk": {"state": "up", "latency_ms": 4.1},
        }
    ),
)
# What only some operations answer: how these begin.
_ONLY_AT: Final[Mapping[str, tuple[str, ...]]] = {
    "job-not-found": ("DELETE /ingest/", "GET /ingest/progress/"),
    "ticket-not-found": ("GET /tickets/{",),
    "tenant-not-found": (
        *("GET /tenants/", "GET /tickets", "GET /alerts", "POST /alerts/"),
        *("GET /ingest/", "POST /ingest/run"),
    ),
    "key-of-one-tenant": ("GET /metrics", "POST /circuit/", "GET /ingest/", "POST /ingest/run"),
    "alert-not-found": ("GET /alerts/", "POST /alerts/"),
    "alert-delivered": ("POST /alerts/",),
    "circuit-not-found": ("GET /circuit/", "POST /circuit/"),
    "tenant-busy": ("POST /ingest/run",),
    "run-ended": ("DELETE /ingest/",),
    "part-of-run": ("DELETE /ingest/",),
    "idempotency-key-reused": ("POST /ingest/run",),
    "roll-ups-missing": ("GET /tenants/",),
    "too-much-to-count": ("GET /tenants/",),
    "too-much-to-read": ("GET /tickets",),
    "halted": ("GET /readyz",),
    "unhealthy": ("GET /health",),
}


def problem_examples(operation: str, status: int, instance: str) -> dict[str, Any]:
    """The examples of an operation, `GET /path`, for a status, by the name of each kind."""
    of_status = dict(_kinds(HTTPStatus(status)))
    here = {e: k for e, k in of_status.items() if _may_answer(operation, k.name)}
    return {
        kind.name: {"summary": _summary(error), "value": _value(error, kind, instance)}
        for error, kind in (here or of_status).items()
    }


def described_kinds() -> str:
    """Every kind of problem in a sentence, for the description of `type`."""
    said = {kind.name: f"`{kind.name}` ({kind.status}): {_summary(e)}" for e, kind in KINDS.items()}
    return "What went wrong, after `urn:deskstream:problem:`.\n\n* " + "\n* ".join(said.values())


def _kinds(status: HTTPStatus) -> Iterator[tuple[type[DeskstreamError], Kind]]:
    return ((error, kind) for error, kind in KINDS.items() if kind.status == status)


def _may_answer(operation: str, kind: str) -> bool:
    return operation.startswith(_ONLY_AT.get(kind, operation))


def _summary(error: type[DeskstreamError]) -> str:
    return (error.__doc__ or "").strip().splitlines()[0]


def _value(error: type[DeskstreamError], kind: Kind, instance: str) -> dict[str, Any]:
    sample = next((some for some in _SAMPLES if type(some) is error), None)
    if sample is None:
        return content(kind, _summary(error), instance, _REQUEST, {})
    return content(kind, str(sample), instance, _REQUEST, kind.extensions(sample))
