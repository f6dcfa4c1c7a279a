"""Erasure: a ticket stays, its text and its customer leave, and stay away until it is lifted."""

from datetime import datetime

from msgspec.structs import replace

from domain.blanks import BLANKS, blanked_ticket
from domain.changes import Decision
from domain.events import Change, ChangeEvent, ChangeType, Ticket, schema_version_of
from domain.identity import change_event_id
from domain.records import Erased, Provenance
from domain.ticket_state import TicketState

SOURCE = "deskstream"


def erasure(key: tuple[str, str], request: str, time: datetime, *, lifted: bool = False) -> Erased:
    """What is sent for a ticket, (tenant, external id), at the `request` of somebody."""
    return Erased(Provenance(SOURCE, request, time, "erase"), *key, lifted)


def erase(state: TicketState, record: Erased) -> Decision:
    """Fold an erasure in, or the end of one; where there is nothing to do it is `void`.

    An erased ticket has nothing left to take: sources cannot give it back until it is lifted.
    Nothing of what sources showed moves but the stale content that one insisted on.
    """
    before = state.ticket
    if before is None or (before.erased_at is not None) is not record.lifted:
        return Decision(state, "void")
    if record.lifted:
        return _change(state, record, "updated", replace(before, erased_at=None), ())
    after = replace(blanked_ticket(before), erased_at=record.provenance.time)
    # An event is for ever: it names what left, and cannot say what it was.
    gone = tuple(Change(name, BLANKS[name], BLANKS[name]) for name in BLANKS if _had(before, name))
    return _change(replace(state, insisted=None), record, "erased", after, gone)


def _had(ticket: Ticket, name: str) -> bool:
    return bool(getattr(ticket, name) != BLANKS[name])


def _change(
    state: TicketState,
    record: Erased,
    type_: ChangeType,
    after: Ticket,
    changes: tuple[Change, ...],
) -> Decision:
    version = state.version + 1
    event = ChangeEvent(
        id=change_event_id(record.key, version),
        type=type_,
        schema_version=schema_version_of(type_, after),
        tenant_id=record.tenant_id,
        external_id=record.external_id,
        version=version,
        occurred_at=record.provenance.time,
        observed_at=record.provenance.time,
        cause=record.provenance.cause,
        source=record.provenance.source,
        source_event_id=record.provenance.event_id,
        job_id=None,
        detected_by="lift" if record.lifted else "request",
        changes=changes,
        ticket=after,
    )
    return Decision(replace(state, version=version, ticket=after), "updated", event)
