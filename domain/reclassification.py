"""Reclassification: today's rules over a ticket that was labelled by older ones (section 8)."""

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from domain.changes import Decision
from domain.comparison import changes_between
from domain.events import Classification, Ticket
from domain.labels import Labels
from domain.records import Provenance, Reclassified
from domain.requested_changes import SOURCE, requested_change
from domain.ticket_state import TicketState, content_fingerprint

_TEXT: Final = ("subject", "message")


def reclassification(state: TicketState, labels: Labels, time: datetime) -> Reclassified | None:
    """What to send for a ticket whose text gets `labels` at `time`; None if nothing would change.

    Deleted tickets keep their labels, also when they return: a later reclassification finds them.
    """
    if state.ticket is None or not _applies(state, labels):
        return None
    return Reclassified(
        Provenance(SOURCE, f"ruleset-{labels.ruleset_version}", time, "reclassify"),
        state.tenant_id,
        state.external_id,
        content_fingerprint(state.ticket, _TEXT),
        labels,
    )


def reclassify(state: TicketState, record: Reclassified) -> Decision:
    """Fold newer labels in, unless the ticket is gone, has another text, or newer ones already.

    Labels and evidence that stay as they are make no event, whatever the version of the rules:
    `ruleset_version` names the rules that last made a difference, so it never holds later ones up.
    Nothing of what sources showed moves, and no id is remembered.
    """
    before = state.ticket
    if before is None or not _applies(state, record.labels):
        return Decision(state, "void")
    if content_fingerprint(before, _TEXT) != record.text:
        return Decision(state, "void")
    after = _relabelled(before, record.labels)
    changes = changes_between(before, after)
    return requested_change(state, record, "updated", after, changes, "ruleset")


def _applies(state: TicketState, labels: Labels) -> bool:
    """True if the ticket is live, the rules are newer than its own, and say something else.

    An erased ticket has no text to judge: its labels stay.
    """
    ticket = state.ticket
    if ticket is None or not state.is_live or ticket.erased_at is not None:
        return False
    if labels.ruleset_version <= ticket.classification.ruleset_version:
        return False
    return _said(_relabelled(ticket, labels)) != _said(ticket)


def _relabelled(ticket: Ticket, labels: Labels) -> Ticket:
    return replace(
        ticket,
        urgency=labels.urgency,
        sentiment=labels.sentiment,
        requires_action=labels.requires_action,
        classification=Classification(labels.matched, labels.ruleset_version),
    )


def _said(ticket: Ticket) -> tuple[object, ...]:
    return (
        ticket.urgency,
        ticket.sentiment,
        ticket.requires_action,
        ticket.classification.matched,
    )
