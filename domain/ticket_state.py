"""What the sync agent remembers of a ticket: enough to judge the next record about it."""

from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from domain.events import ChangeEvent, Ticket

REMEMBERED_IDS: Final = 32
_FINGERPRINT_BYTES: Final = 8
_MEMORY_BYTES: Final = REMEMBERED_IDS * _FINGERPRINT_BYTES


class Insistence(NamedTuple):
    """Stale content that a crawl showed all the same: its fingerprint, and the run."""

    content: bytes
    run: str


class TicketState(msgspec.Struct, frozen=True, kw_only=True):
    """The write side of one ticket; version 0 means that no change event exists yet.

    `changed_at` is the `time` of the observation behind the last change, `observed_at` the latest
    `time` of any observation, `gone_at` the `time` of the deletion in force, also of a ticket
    never seen.  `recent` holds 8 bytes for each of the last 32 (source, id), with zeros for those
    that are not known, `run` the last crawl to show it, `insisted` the stale content that it
    showed last.
    """

    tenant_id: str
    external_id: str
    version: int = 0
    ticket: Ticket | None = None
    changed_at: datetime | None = None
    observed_at: datetime | None = None
    gone_at: datetime | None = None
    source: str | None = None
    run: str | None = None
    insisted: Insistence | None = None
    recent: bytes = b""

    @property
    def is_live(self) -> bool:
        """True if the ticket was seen and is not deleted."""
        return self.version > 0 and self.gone_at is None

    @property
    def has_forgotten(self) -> bool:
        """True if records may have been folded in that `recent` no longer tells of."""
        return len(self.recent) >= _MEMORY_BYTES

    def remembers(self, fingerprint: bytes) -> bool:
        """True if a record with this fingerprint was folded in lately."""
        place = self.recent.find(fingerprint)
        while place % _FINGERPRINT_BYTES and place != -1:
            place = self.recent.find(fingerprint, place + 1)
        return place != -1

    def with_recent(self, fingerprint: bytes) -> bytes:
        """The recent fingerprints and this one, at most 32."""
        return (self.recent + fingerprint)[-_MEMORY_BYTES:]


def fingerprint(source: str, event_id: str) -> bytes:
    """Eight bytes that stand for a CloudEvents (source, id)."""
    return _digest(f"{source}\x00{event_id}")


def content_fingerprint(ticket: Ticket, fields: Iterable[str]) -> bytes:
    """Eight bytes that stand for these fields of a ticket."""
    return _digest(repr([getattr(ticket, name) for name in fields]))


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=_FINGERPRINT_BYTES).digest()


def relearn(state: TicketState, event: ChangeEvent) -> TicketState:
    """The state after an event of the log that it did not know; known ones change nothing.

    A database that was restored from a back-up learns from the log what it once wrote there.  The
    log does not tell of records that changed nothing: the memory of ids counts as full from then
    on.
    """
    if event.version <= state.version:
        return state
    learnt = msgspec.structs.replace(state, version=event.version, ticket=event.ticket)
    if event.cause == "reclassify":
        # Nobody saw the ticket: only its labels are others.
        return learnt
    if event.cause == "erase":
        erased = event.type == "erased"
        return msgspec.structs.replace(learnt, insisted=None) if erased else learnt
    seen = learnt.with_recent(fingerprint(event.source, event.source_event_id))
    learnt = msgspec.structs.replace(learnt, recent=seen.rjust(_MEMORY_BYTES, b"\x00"))
    if event.type == "deleted":
        return msgspec.structs.replace(learnt, gone_at=event.observed_at)
    return msgspec.structs.replace(
        learnt,
        changed_at=event.observed_at,
        observed_at=max(state.observed_at or event.observed_at, event.observed_at),
        gone_at=None,
        insisted=None,
        source=event.source,
        run=event.job_id or state.run,
    )
