"""Erasure: a ticket stays, its text and its customer leave, and stay away until it is lifted."""

from datetime import datetime

from msgspec.structs import replace

from domain.blanks import BLANKS, blanked_ticket
from domain.changes import Decision
from domain.events import Change, Ticket
from domain.records import Erased, Provenance
from domain.requested_changes import SOURCE, requested_change
from domain.ticket_state import TicketState


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
        after = replace(before, erased_at=None)
        return requested_change(state, record, "updated", after, (), "lift")
    after = replace(blanked_ticket(before), erased_at=record.provenance.time)
    # An event is for ever: it names what left, and cannot say what it was.
    gone = tuple(Change(name, BLANKS[name], BLANKS[name]) for name in BLANKS if _had(before, name))
    still = replace(state, insisted=None)
    return requested_change(still, record, "erased", after, gone, "request")


def _had(ticket: Ticket, name: str) -> bool:
    return bool(getattr(ticket, name) != BLANKS[name])
