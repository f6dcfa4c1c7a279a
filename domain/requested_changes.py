"""Changes that an operator asked for: no source showed anything, and what one did stays."""

from typing import Final

from msgspec.structs import replace

from domain.changes import Decision
from domain.events import Change, ChangeEvent, ChangeType, Ticket, schema_version_of
from domain.identity import change_event_id
from domain.records import Erased, Reclassified
from domain.ticket_state import TicketState

SOURCE: Final = "deskstream"


def requested_change(
    state: TicketState,
    record: Erased | Reclassified,
    type_: ChangeType,
    after: Ticket,
    changes: tuple[Change, ...],
    detected_by: str,
) -> Decision:
    """The event that makes the ticket `after`, and the state behind it."""
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
        detected_by=detected_by,
        changes=changes,
        ticket=after,
    )
    return Decision(replace(state, version=version, ticket=after), "updated", event)
