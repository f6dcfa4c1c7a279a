"""Two versions of a ticket held against each other: what is compared, and what changed."""

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from domain.events import Change, Classification, Ticket
from domain.instants import rfc3339
from domain.labels import Labels
from domain.records import Observed

COMPARED: Final = ("subject", "message", "status", "customer_id", "source", "created_at")
_SHOWN: Final = (*COMPARED, "deleted_at", "urgency", "sentiment", "requires_action")


def observed_ticket(before: Ticket | None, record: Observed) -> Ticket:
    """The ticket as observed; while its text stays, so do its labels, whatever today's rules.

    Of an erased ticket sources show neither text nor customer any more.
    """
    if before is not None and before.erased_at is not None:
        return _erased_ticket(before, record)
    seen, labels = record.ticket, record.labels
    fields = seen.fields
    same_text = (
        before is not None and before.subject == fields.subject and before.message == fields.message
    )
    return Ticket(
        source=fields.source,
        customer_id=fields.customer_id,
        subject=fields.subject,
        message=fields.message,
        status=fields.status,
        created_at=fields.created_at,
        updated_at=seen.updated_at,
        deleted_at=None,
        urgency=before.urgency if before and same_text else labels.urgency,
        sentiment=before.sentiment if before and same_text else labels.sentiment,
        requires_action=before.requires_action if before and same_text else labels.requires_action,
        classification=before.classification if before and same_text else _evidence(labels),
    )


def _erased_ticket(before: Ticket, record: Observed) -> Ticket:
    seen = record.ticket
    return replace(
        before,
        source=seen.fields.source,
        status=seen.fields.status,
        created_at=seen.fields.created_at,
        updated_at=seen.updated_at,
        deleted_at=None,
    )


def _evidence(labels: Labels) -> Classification:
    return Classification(matched=labels.matched, ruleset_version=labels.ruleset_version)


def has_changed(before: Ticket, after: Ticket) -> bool:
    """True if a compared field differs."""
    return any(getattr(before, name) != getattr(after, name) for name in COMPARED)


def changes_between(before: Ticket, after: Ticket) -> tuple[Change, ...]:
    """Every shown field that differs, with both values."""
    pairs = ((name, getattr(before, name), getattr(after, name)) for name in _SHOWN)
    return tuple(Change(name, _value(old), _value(new)) for name, old, new in pairs if old != new)


def _value(value: str | bool | datetime | None) -> str | bool | None:
    return rfc3339(value) if isinstance(value, datetime) else value
