"""Blanks: what an erasure leaves of a ticket, of its events and of its documents.

Subject, message and customer go, also as earlier values in a history, and so does the text that is
the evidence for labels.  The labels stay, and with them every sum that is not over words or
customers.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from domain.events import Change, ChangeEvent, Classification, Ticket

Document: TypeAlias = dict[str, Any]

BLANKS: Final[Mapping[str, str | None]] = {"subject": "", "message": "", "customer_id": None}


def blanked_ticket(ticket: Ticket) -> Ticket:
    """A ticket without what an erasure takes; it does not say that it was erased."""
    evidence = ticket.classification
    matched = tuple(replace(match, text="") for match in evidence.matched)
    kept = Classification(matched, evidence.ruleset_version)
    return replace(ticket, subject="", message="", customer_id=None, classification=kept)


def blanked_event(event: ChangeEvent) -> ChangeEvent:
    """An event before an erasure, as it stands in a log that was rewritten."""
    changes = tuple(
        Change(c.field, BLANKS[c.field], BLANKS[c.field]) if c.field in BLANKS else c
        for c in event.changes
    )
    return replace(event, changes=changes, ticket=blanked_ticket(event.ticket))


def blanked_changes(changes: Iterable[Mapping[str, Any]]) -> list[Document]:
    """The `changes` of a `ticket_history` document without the values that an erasure takes."""
    return [
        {"field": c["field"], "old": BLANKS[c["field"]], "new": BLANKS[c["field"]]}
        if c["field"] in BLANKS
        else {**c}
        for c in changes
    ]


def blanked_document(document: Mapping[str, Any], erased_at: datetime) -> Document:
    """A `tickets` document after an erasure that waits for an event which lacks before it."""
    evidence = document["classification"]
    matched = [{**match, "text": ""} for match in evidence["matched"]]
    return {
        **document,
        **BLANKS,
        "classification": {**evidence, "matched": matched},
        "erased_at": erased_at,
    }
