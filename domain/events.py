"""Change events: facts about tickets as they stand on `tickets.changes`, for ever.

The bytes are frozen: `tests/domain/test_events.py` holds golden ones.  A change of shape that
earlier readers would misread raises `schema_version`, and gets an upcaster in `domain.upcasting`.
"""

from datetime import datetime
from typing import Final, Literal, TypeAlias

import msgspec

from domain.bounds import (
    Count,
    Identifier,
    RunTenantId,
    TenantId,
    Version,
    check_instants,
    check_texts,
)
from domain.errors import UndecodableEventError
from domain.identity import ticket_key
from domain.labels import Match, Sentiment, Urgency
from domain.records import Cause, RunOutcome
from domain.upcasting import UPCASTERS, upcast

SCHEMA_VERSION: Final = 2
# An event has the least version whose readers understand it: 2 if it is about an erased ticket.
PLAIN_VERSION: Final = 1
READ_AS_THEY_ARE: Final = frozenset({PLAIN_VERSION, SCHEMA_VERSION})

ChangeType = Literal["created", "updated", "deleted", "restored", "erased"]


class Classification(msgspec.Struct, frozen=True):
    """Why the labels are what they are."""

    matched: tuple[Match, ...]
    ruleset_version: Count


class Ticket(msgspec.Struct, frozen=True, omit_defaults=True):
    """A ticket after a change.  `updated_at` is the source's, as of the last change.

    Since `erased_at` it has neither text nor customer, whatever sources show.
    """

    source: str | None
    customer_id: Identifier | None
    subject: str
    message: str
    status: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    urgency: Urgency
    sentiment: Sentiment
    requires_action: bool
    classification: Classification
    erased_at: datetime | None = None

    def __post_init__(self) -> None:
        check_instants((self.created_at, self.updated_at, self.deleted_at))
        check_texts((self.source, self.subject, self.message, self.status))


class Change(msgspec.Struct, frozen=True):
    """One field's value before and after; instants are RFC 3339 text."""

    field: str
    old: str | bool | None
    new: str | bool | None


class ChangeEvent(msgspec.Struct, frozen=True, kw_only=True, tag="change", tag_field="kind"):
    """One fact about one ticket.  `version` counts 1, 2, 3... within the ticket."""

    id: str
    type: ChangeType
    schema_version: int
    tenant_id: TenantId
    external_id: Identifier
    version: Version
    occurred_at: datetime
    observed_at: datetime
    cause: Cause
    source: str
    source_event_id: str
    job_id: str | None
    detected_by: str
    changes: tuple[Change, ...]
    ticket: Ticket

    def __post_init__(self) -> None:
        check_instants((self.occurred_at, self.observed_at))

    @property
    def key(self) -> str:
        """`tenant:external_id`."""
        return ticket_key(self.tenant_id, self.external_id)


class Tally(msgspec.Struct, frozen=True):
    """What became of the records of a run."""

    new_ingested: Count = 0
    updated: Count = 0
    unchanged: Count = 0
    stale: Count = 0
    deleted: Count = 0
    restored: Count = 0
    rejected: Count = 0
    duplicates: Count = 0

    def __add__(self, other: "Tally") -> "Tally":
        """Both together, counter by counter."""
        sums = (getattr(self, name) + getattr(other, name) for name in self.__struct_fields__)
        return Tally(*sums)

    def plus(self, outcome: str) -> "Tally":
        """One more of `outcome`."""
        return msgspec.structs.replace(self, **{outcome: getattr(self, outcome) + 1})


class RunMarker(msgspec.Struct, frozen=True, kw_only=True, tag="run.ended", tag_field="kind"):
    """Every change of the run on this partition stands before this record."""

    job_id: str
    tenant_id: RunTenantId
    outcome: RunOutcome
    partition: Count
    partitions: Count
    tally: Tally


LogRecord: TypeAlias = ChangeEvent | RunMarker

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[LogRecord] = msgspec.json.Decoder(LogRecord)


def schema_version_of(type_: ChangeType, ticket: Ticket) -> int:
    """What a reader must understand to apply an event of this type that leaves this ticket."""
    erased = type_ == "erased" or ticket.erased_at is not None
    return SCHEMA_VERSION if erased else PLAIN_VERSION


def encode(record: LogRecord) -> bytes:
    """`record` as it stands on `tickets.changes`."""
    return _ENCODER.encode(record)


def decode(value: bytes | None) -> LogRecord:
    """The record that `value` holds; an event of an earlier version as today's would be.

    Raises:
        NewerEventError: a later release wrote it.
        UndecodableEventError: no version of the contract reads like this.
    """
    try:
        record = _DECODER.decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return _earlier(value or b"", error)
    if isinstance(record, ChangeEvent) and record.schema_version not in READ_AS_THEY_ARE:
        return _earlier(value or b"", None)
    return record


def _earlier(value: bytes, error: Exception | None) -> LogRecord:
    """An event of another version; `error` is why it does not read as today's."""
    try:
        members = msgspec.json.decode(value)
        is_other = isinstance(members, dict) and members.get("kind") == "change"
        if is_other and members.get("schema_version") != SCHEMA_VERSION:
            return msgspec.convert(upcast(members, SCHEMA_VERSION, UPCASTERS), ChangeEvent)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as worse:
        raise UndecodableEventError(str(error or worse)) from worse
    raise UndecodableEventError(str(error)) from error
