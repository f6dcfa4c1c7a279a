"""The read models: what a change event makes of their documents."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from domain.blanks import blanked_changes, blanked_document
from domain.digests import DIGEST, DigestChanges, document_digest
from domain.events import ChangeEvent
from domain.identity import ticket_key
from domain.instants import cut
from domain.roll_up_deltas import RollUpChanges
from domain.runs import RunAudit

Document: TypeAlias = dict[str, Any]

TICKETS: Final = "tickets"
TICKET_HISTORY: Final = "ticket_history"
INGESTION_LOGS: Final = "ingestion_logs"
ROLL_UPS: Final = "roll_ups"


def ticket_document(event: ChangeEvent) -> Document:
    """The `tickets` document after `event`."""
    ticket = event.ticket
    erased = {} if ticket.erased_at is None else {"erased_at": ticket.erased_at}
    return {
        **erased,
        "_id": event.key,
        "tenant_id": event.tenant_id,
        "external_id": event.external_id,
        "source": ticket.source,
        "customer_id": ticket.customer_id,
        "subject": ticket.subject,
        "message": ticket.message,
        "status": ticket.status,
        "created_at": ticket.created_at,
        "updated_at": ticket.updated_at,
        "deleted_at": ticket.deleted_at,
        "urgency": ticket.urgency,
        "sentiment": ticket.sentiment,
        "requires_action": ticket.requires_action,
        "classification": {
            "matched": [{"rule": m.rule, "text": m.text} for m in ticket.classification.matched],
            "ruleset_version": ticket.classification.ruleset_version,
        },
        "version": event.version,
        "changed_at": event.observed_at,
    }


def history_document(event: ChangeEvent) -> Document:
    """The `ticket_history` document of `event`."""
    return {
        "_id": f"{event.key}:{event.version}",
        "tenant_id": event.tenant_id,
        "ticket_id": event.external_id,
        "version": event.version,
        "action": event.type,
        "changes": [{"field": c.field, "old": c.old, "new": c.new} for c in event.changes],
        "occurred_at": event.occurred_at,
        "observed_at": event.observed_at,
        "job_id": event.job_id,
        "cause": event.cause,
        "detected_by": event.detected_by,
    }


def audit_document(audit: RunAudit) -> Document:
    """The `ingestion_logs` document of a run that ended."""
    fields = msgspec.structs.asdict(audit)
    moments = {"started_at": cut(audit.started_at), "ended_at": cut(audit.ended_at)}
    return {"_id": audit.job_id, **fields, **moments, "errors": list(audit.errors)}


class Applied(NamedTuple):
    """What a ticket's document says of itself: its version, and its digest."""

    version: int
    digest: bytes


class Erasure(NamedTuple):
    """Where an erasure stands: everything of its ticket before this version is blanked."""

    partition: int
    version: int


class BlankedEntry(NamedTuple):
    """What is left of an entry of the history that was stored before."""

    id: str
    changes: list[Document]


_NOTHING: Final = Applied(0, b"")


@dataclass
class TicketsFold:
    """A batch of change events folded over what the documents say of themselves.

    An event applies if its version is the last + 1; lower ones are late duplicates.  A gap parks
    the ticket: the event and all later ones are kept, and other tickets go on.  `stored` has the
    documents of the tickets that the batch erases: their events cannot say what leaves the sums.
    An erasure that is parked blanks at once what there is, and changes no version.
    """

    applied: dict[str, Applied]
    parked: set[str]
    tickets: dict[str, Document] = field(default_factory=dict)
    history: list[Document] = field(default_factory=list)
    parking: list[ChangeEvent] = field(default_factory=list)
    new: set[str] = field(default_factory=set)
    digests: DigestChanges = field(default_factory=DigestChanges)
    roll_ups: RollUpChanges = field(default_factory=RollUpChanges)
    stored: dict[str, Document] = field(default_factory=dict)
    erased: dict[str, Erasure] = field(default_factory=dict)

    def apply(self, event: ChangeEvent, partition: int) -> None:
        """Fold in one event, which stands on this partition of the log."""
        key = event.key
        last = self.applied.get(key, _NOTHING)
        if event.version <= last.version:
            return
        if key in self.parked or event.version > last.version + 1:
            self.parked.add(key)
            self.parking.append(event)
            self._blank_parked(event, partition)
            return
        if last is _NOTHING:
            self.new.add(key)
        before = self._erased(event, partition)
        ticket, entry = ticket_document(event), history_document(event)
        digest = document_digest(TICKETS, ticket)
        self.applied[key] = Applied(event.version, digest)
        self.tickets[key] = ticket
        self.history.append(entry)
        tenant_id, changes = event.tenant_id, self.digests
        changes.add(TICKETS, tenant_id, partition, digest)
        if last is not _NOTHING:
            changes.remove(TICKETS, tenant_id, partition, last.digest)
        entry_digest = document_digest(TICKET_HISTORY, entry)
        changes.add(TICKET_HISTORY, tenant_id, partition, entry_digest)
        self.roll_ups.apply(event, partition, before)

    def blank_batch(self) -> None:
        """Blank the entries of this batch that stand before an erasure in it."""
        for entry in self.history if self.erased else ():
            if blanked := self._blanked(entry):
                entry["changes"] = blanked.changes

    def blank_stored(self, entries: Iterable[Document]) -> list[BlankedEntry]:
        """What is left of entries that were stored before, where something is taken from them."""
        return [blanked for entry in entries if (blanked := self._blanked(entry))]

    def _blanked(self, entry: Document) -> BlankedEntry | None:
        """What is left of an entry, and its digest changed; None if nothing is taken from it."""
        tenant_id = entry["tenant_id"]
        erasure = self.erased.get(ticket_key(tenant_id, entry["ticket_id"]))
        if erasure is None or entry["version"] >= erasure.version:
            return None
        changes = blanked_changes(entry["changes"])
        if changes == entry["changes"]:
            return None
        place = TICKET_HISTORY, tenant_id, erasure.partition
        self.digests.remove(*place, document_digest(TICKET_HISTORY, entry))
        after = {**entry, "changes": changes}
        self.digests.add(*place, document_digest(TICKET_HISTORY, after))
        return BlankedEntry(entry["_id"], changes)

    def _erased(self, event: ChangeEvent, partition: int) -> Document | None:
        """The document that an erasure changes; None for every other event."""
        if event.type != "erased":
            return None
        self.erased[event.key] = Erasure(partition, event.version)
        return self.tickets.get(event.key) or self.stored.get(event.key)

    def _blank_parked(self, event: ChangeEvent, partition: int) -> None:
        key, before = event.key, self._erased(event, partition)
        if before is None:
            return
        after = blanked_document(before, event.observed_at)
        after.pop(DIGEST, None)
        known = self.applied[key]
        digest = document_digest(TICKETS, after)
        self.applied[key] = Applied(known.version, digest)
        self.tickets[key] = after
        self.digests.remove(TICKETS, event.tenant_id, partition, known.digest)
        self.digests.add(TICKETS, event.tenant_id, partition, digest)
        self.roll_ups.replace(event, partition, before, after)
