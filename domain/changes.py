"""Change detection: which fact, if any, a record adds to a ticket (section 8 of the contract)."""

from datetime import datetime
from typing import Final, Literal, NamedTuple

from msgspec.structs import replace

from domain.events import (
    SCHEMA_VERSION,
    Change,
    ChangeEvent,
    ChangeType,
    Classification,
    Ticket,
)
from domain.identity import change_event_id
from domain.instants import rfc3339
from domain.labels import Labels
from domain.records import Deleted, Observed, Provenance
from domain.ticket_state import TicketState, fingerprint

Outcome = Literal[
    "new_ingested", "updated", "unchanged", "stale", "deleted", "restored", "duplicates",
    "repeated", "void",
]  # fmt: skip
COMPARED: Final = ("subject", "message", "status", "customer_id", "source", "created_at")
_SHOWN: Final = (*COMPARED, "deleted_at", "urgency", "sentiment", "requires_action")


class Decision(NamedTuple):
    """The state after a record, what became of the record, and the fact it added, if any.

    `duplicates` is a ticket that one crawl showed twice.  Two outcomes count nowhere: `repeated`,
    a delivery seen before, and `void`, a deletion of what is gone, unknown or seen later.
    """

    state: TicketState
    outcome: Outcome
    event: ChangeEvent | None = None


def decide(state: TicketState, record: Observed | Deleted) -> Decision:
    """Fold `record` into `state`."""
    mark = fingerprint(record.provenance.source, record.provenance.event_id)
    if state.remembers(mark):
        return Decision(state, "repeated")
    known = replace(state, recent=state.with_recent(mark))
    return _observe(known, record) if isinstance(record, Observed) else _delete(known, record)


def _observe(state: TicketState, record: Observed) -> Decision:
    seen, provenance = record.ticket, record.provenance
    if state.gone_at is not None and provenance.time <= state.gone_at:
        return Decision(state, "stale")
    shown = replace(
        state,
        observed_at=_later(state.observed_at, provenance.time),
        source=provenance.source,
        run=provenance.job_id or state.run,
    )
    if state.ticket is None:
        return _change(shown, "created", "new_ingested", record, _ticket(None, record))
    after = _ticket(state.ticket, record)
    if state.gone_at is not None:
        return _change(shown, "restored", "restored", record, after)
    if not _differs(state.ticket, after):
        again = provenance.job_id is not None and provenance.job_id == state.run
        return Decision(shown, "duplicates" if again else "unchanged")
    if _is_stale(state, seen.updated_at, provenance.time):
        return Decision(shown, "stale")
    return _change(shown, "updated", "updated", record, after)


def _delete(state: TicketState, record: Deleted) -> Decision:
    time = record.provenance.time
    if state.observed_at is not None and time <= state.observed_at:
        return Decision(state, "void")
    if state.gone_at is not None or state.ticket is None:
        return Decision(replace(state, gone_at=_later(state.gone_at, time)), "void")
    after = replace(state.ticket, deleted_at=record.deleted_at)
    version = state.version + 1
    event = _event(version, "deleted", record, record.deleted_at, state.ticket, after)
    return Decision(replace(state, version=version, ticket=after, gone_at=time), "deleted", event)


def _is_stale(state: TicketState, updated_at: datetime, time: datetime) -> bool:
    """Older than the observation behind the last change; at equal age the later `time` wins."""
    if state.ticket is None or state.changed_at is None or updated_at > state.ticket.updated_at:
        return False
    return updated_at < state.ticket.updated_at or time <= state.changed_at


def _change(
    state: TicketState, type_: ChangeType, outcome: Outcome, record: Observed, after: Ticket
) -> Decision:
    version = state.version + 1
    occurred_at = {
        "created": after.created_at,
        "updated": after.updated_at,
        "restored": record.provenance.time,
    }[type_]
    event = _event(version, type_, record, occurred_at, state.ticket, after)
    changed = replace(
        state,
        version=version,
        ticket=after,
        changed_at=record.provenance.time,
        gone_at=None,
    )
    return Decision(changed, outcome, event)


def _event(
    version: int,
    type_: ChangeType,
    record: Observed | Deleted,
    occurred_at: datetime,
    before: Ticket | None,
    after: Ticket,
) -> ChangeEvent:
    about = record.ticket if isinstance(record, Observed) else record
    provenance: Provenance = record.provenance
    return ChangeEvent(
        id=change_event_id(record.key, version),
        type=type_,
        schema_version=SCHEMA_VERSION,
        tenant_id=about.tenant_id,
        external_id=about.external_id,
        version=version,
        occurred_at=occurred_at,
        observed_at=provenance.time,
        cause=provenance.cause,
        source=provenance.source,
        source_event_id=provenance.event_id,
        job_id=provenance.job_id,
        detected_by=record.detected_by if isinstance(record, Deleted) else "comparison",
        changes=() if before is None else _diff(before, after),
        ticket=after,
    )


def _ticket(before: Ticket | None, record: Observed) -> Ticket:
    """The ticket as observed; while its text stays, so do its labels, whatever today's rules."""
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


def _evidence(labels: Labels) -> Classification:
    return Classification(matched=labels.matched, ruleset_version=labels.ruleset_version)


def _differs(before: Ticket, after: Ticket) -> bool:
    return any(getattr(before, name) != getattr(after, name) for name in COMPARED)


def _diff(before: Ticket, after: Ticket) -> tuple[Change, ...]:
    pairs = ((name, getattr(before, name), getattr(after, name)) for name in _SHOWN)
    return tuple(Change(name, _value(old), _value(new)) for name, old, new in pairs if old != new)


def _value(value: str | bool | datetime | None) -> str | bool | None:
    return rfc3339(value) if isinstance(value, datetime) else value


def _later(known: datetime | None, time: datetime) -> datetime:
    return time if known is None or time > known else known
