"""Change detection: which fact, if any, a record adds to a ticket (section 8 of the contract)."""

from datetime import datetime
from typing import Final, Literal, NamedTuple

from msgspec.structs import replace

from domain.comparison import COMPARED, changes_between, has_changed, observed_ticket
from domain.events import (
    ChangeEvent,
    ChangeType,
    Ticket,
    schema_version_of,
)
from domain.identity import change_event_id
from domain.records import Deleted, Observed, Provenance
from domain.ticket_state import Insistence, TicketState, content_fingerprint, fingerprint

Outcome = Literal[
    "new_ingested", "updated", "unchanged", "stale", "deleted", "restored", "duplicates",
    "repeated", "void",
]  # fmt: skip
INSISTENCE: Final = "source_insists"


class Decision(NamedTuple):
    """The state after a record, what became of the record, and the fact it added, if any.

    `duplicates` is a ticket that one crawl showed twice.  Two outcomes count nowhere: `repeated`,
    a delivery seen before, and `void`, a deletion of what is gone, unknown or seen later.
    """

    state: TicketState
    outcome: Outcome
    event: ChangeEvent | None = None


def decide(
    state: TicketState, record: Observed | Deleted, complete_run: str | None = None
) -> Decision:
    """Fold `record` into `state`; `complete_run` is the complete crawl before the record's own.

    A replayed record that may have been folded in before leaves no trace, not even in the memory
    of ids, which would forget recent ones for it.
    """
    mark = fingerprint(record.provenance.source, record.provenance.event_id)
    if state.remembers(mark):
        return Decision(state, "repeated")
    if record.provenance.cause == "replay" and _may_be_known(state, record):
        return Decision(state, "stale")
    known = replace(state, recent=state.with_recent(mark))
    if isinstance(record, Deleted):
        return _delete(known, record)
    return _observe(known, record, complete_run)


def _may_be_known(state: TicketState, record: Observed | Deleted) -> bool:
    """True if ids were forgotten, and something as late as `record` or later was folded in.

    Whatever was folded in is not later than the latest observation, or than the deletion in force,
    but for a crawl's deletion of what another source had shown: that left no trace of its time.
    None of those is believed again: what is gone the next crawl finds once more.
    """
    time = record.provenance.time
    if isinstance(record, Deleted) and record.provenance.job_id is not None:
        return state.has_forgotten
    latest = (moment for moment in (state.observed_at, state.gone_at) if moment is not None)
    return state.has_forgotten and any(time <= moment for moment in latest)


def _observe(state: TicketState, record: Observed, complete_run: str | None) -> Decision:
    provenance = record.provenance
    if state.gone_at is not None and provenance.time <= state.gone_at:
        return Decision(state, "stale")
    late = _is_late_redrive(state, provenance)
    shown = state if late else _sighted(state, provenance)
    if state.ticket is None:
        return _change(shown, "created", "new_ingested", record, observed_ticket(None, record))
    after = observed_ticket(state.ticket, record)
    if state.gone_at is not None:
        return _change(shown, "restored", "restored", record, after)
    differs = has_changed(state.ticket, after)
    if _is_stale(state, record, differs=differs):
        return _doubt(shown, record, after, complete_run) if differs else Decision(shown, "stale")
    if not differs:
        again = provenance.job_id is not None and provenance.job_id == state.run
        believed = shown if late else replace(shown, insisted=None)
        return Decision(believed, "duplicates" if again else "unchanged")
    return _change(shown, "updated", "updated", record, after)


def _sighted(state: TicketState, provenance: Provenance) -> TicketState:
    return replace(
        state,
        observed_at=_later(state.observed_at, provenance.time),
        source=provenance.source,
        run=provenance.job_id or state.run,
    )


def _is_late_redrive(state: TicketState, provenance: Provenance) -> bool:
    """True for an old record sent again after newer ones: it says nothing of who saw it last."""
    redriven = provenance.cause == "redrive"
    return redriven and state.observed_at is not None and provenance.time < state.observed_at


def _doubt(
    state: TicketState, record: Observed, after: Ticket, complete_run: str | None
) -> Decision:
    """Stale content: believed only if the complete crawl before this one showed the same."""
    run = record.provenance.job_id
    if run is None or _is_late_redrive(state, record.provenance):
        return Decision(state, "stale")
    content = content_fingerprint(after, COMPARED)
    if complete_run is None or state.insisted != (content, complete_run):
        return Decision(replace(state, insisted=Insistence(content, run)), "stale")
    believed = _change(state, "updated", "updated", record, after)
    assert believed.event is not None  # noqa: S101 (a change always has one)
    return believed._replace(event=replace(believed.event, detected_by=INSISTENCE))


def _delete(state: TicketState, record: Deleted) -> Decision:
    provenance = record.provenance
    time = provenance.time
    if state.observed_at is not None and time <= state.observed_at:
        return Decision(state, "void")
    if provenance.job_id is not None and state.source != provenance.source:
        # A crawl knows nothing of what somebody else showed last.
        return Decision(state, "void")
    if state.gone_at is not None or state.ticket is None:
        return Decision(replace(state, gone_at=_later(state.gone_at, time)), "void")
    after = replace(state.ticket, deleted_at=record.deleted_at)
    version = state.version + 1
    event = _event(version, "deleted", record, record.deleted_at, state.ticket, after)
    return Decision(replace(state, version=version, ticket=after, gone_at=time), "deleted", event)


def _is_stale(state: TicketState, record: Observed, *, differs: bool) -> bool:
    """Older than the observation behind the last change; at equal age the later `time` wins."""
    updated_at = record.ticket.updated_at
    if state.ticket is None or state.changed_at is None or updated_at > state.ticket.updated_at:
        return False
    if updated_at < state.ticket.updated_at:
        return True
    return differs and record.provenance.time <= state.changed_at


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
        insisted=None,
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
        schema_version=schema_version_of(type_, after),
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
        changes=() if before is None else changes_between(before, after),
        ticket=after,
    )


def _later(known: datetime | None, time: datetime) -> datetime:
    return time if known is None or time > known else known
