"""Documents of the read models as answers: the promised fields, instants as RFC 3339 in UTC."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from domain.circuit import CircuitStatus
from domain.instants import rfc3339
from infra.circuits import Circuit
from infra.leases import NEVER
from infra.mongo import Document

_TICKET: Final = (
    "tenant_id",
    "external_id",
    "source",
    "customer_id",
    "subject",
    "message",
    "status",
    "created_at",
    "updated_at",
    "deleted_at",
    "urgency",
    "sentiment",
    "requires_action",
    "classification",
    "version",
    "changed_at",
)
_CHANGE: Final = (
    "tenant_id",
    "ticket_id",
    "version",
    "action",
    "changes",
    "occurred_at",
    "observed_at",
    "job_id",
    "cause",
    "detected_by",
)
_ALERT: Final = (
    "tenant_id",
    "ticket_id",
    "version",
    "action",
    "urgency",
    "reason",
    "state",
    "due_at",
    "calls",
    "suppressed",
    "ended_at",
)
COUNTERS: Final = (
    "fetched",
    "new_ingested",
    "updated",
    "unchanged",
    "stale",
    "deleted",
    "restored",
    "rejected",
    "foreign",
    "duplicates",
)
_AUDIT: Final = (
    "tenant_id",
    "parent_id",
    "status",
    "started_at",
    "ended_at",
    "pages",
    *COUNTERS,
    "errors",
)


def shown_ticket(document: Document) -> dict[str, Any]:
    """A ticket, as `TicketView` describes it."""
    return _shown(document, _TICKET)


def shown_change(document: Document) -> dict[str, Any]:
    """A change, as `HistoryEntry` describes it."""
    return _shown(document, _CHANGE)


def shown_audit(document: Document) -> dict[str, Any]:
    """An audit, as `AuditView` describes it."""
    return {"job_id": document["_id"], **_shown(document, _AUDIT)}


def shown_alert(document: Document) -> dict[str, Any]:
    """An alert, as `AlertView` describes it."""
    in_flight = "slot" in document
    waits = document["state"] == "pending" and not in_flight and document["next_at"] > NEVER
    return {
        "alert_id": document["_id"],
        **_shown(document, _ALERT),
        "next_call_at": shown_instant(document["next_at"] if waits else None),
        "in_flight": in_flight,
        "last_error": document["error"],
    }


def shown_instant(moment: datetime | None) -> str | None:
    """An instant, or none, as JSON."""
    return None if moment is None else rfc3339(moment)


def shown_circuit(circuit: Circuit, status: CircuitStatus) -> dict[str, Any]:
    """A circuit breaker, the same for all processes."""
    return {
        "name": circuit.name,
        "state": status.phase,
        "failures": status.failures,
        "failures_to_open": circuit.rules.failures,
        "window": circuit.rules.window,
        "open_seconds": circuit.rules.open_seconds,
        "opened_at": shown_instant(status.opened_at),
        "retry_at": shown_instant(status.retry_at),
    }


def _shown(document: Document, fields: Iterable[str]) -> dict[str, Any]:
    values = ((field, document.get(field)) for field in fields)
    return {k: rfc3339(v) if isinstance(v, datetime) else v for k, v in values}
