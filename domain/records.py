"""What travels between the stages: the classified record and the run marker."""

from datetime import datetime
from typing import Final, Literal, TypeAlias

import msgspec

from domain.bounds import Count, Identifier, RunTenantId, TenantId, check_instants
from domain.errors import UndecodableEventError
from domain.identity import ticket_key
from domain.labels import Labels
from domain.observations import SeenTicket

Cause = Literal["crawl", "upstream", "reclassify", "replay", "redrive", "erase"]
LIVE: Final = 0  # the epoch of what crawls and upstream systems send
RunOutcome = Literal["SUCCESS", "PARTIAL_SUCCESS", "FAILED", "CANCELLED", "INTERRUPTED"]


class Origin(msgspec.Struct, frozen=True, array_like=True):
    """Where on `tickets.raw` a record stood.  A replay sends old records under a new `epoch`."""

    epoch: Count
    partition: Count
    offset: Count

    @property
    def place(self) -> str:
        """The name of its raw partition; one that is replayed has another name."""
        return f"{self.epoch}/{self.partition}"


class Provenance(msgspec.Struct, frozen=True):
    """Who says it: the CloudEvents `source`, `id` and `time`, the cause and the run."""

    source: str
    event_id: str
    time: datetime
    cause: Cause
    job_id: str | None = None

    def __post_init__(self) -> None:
        check_instants((self.time,))


class Observed(msgspec.Struct, frozen=True, tag="ticket.observed", tag_field="type"):
    """A source showed a ticket."""

    origin: Origin
    provenance: Provenance
    ticket: SeenTicket
    labels: Labels

    @property
    def key(self) -> str:
        """`tenant:external_id`."""
        return self.ticket.key


class Deleted(msgspec.Struct, frozen=True, tag="ticket.deleted", tag_field="type"):
    """A source says that a ticket is gone."""

    origin: Origin
    provenance: Provenance
    tenant_id: TenantId
    external_id: Identifier
    deleted_at: datetime
    detected_by: str

    def __post_init__(self) -> None:
        check_instants((self.deleted_at,))

    @property
    def key(self) -> str:
        """`tenant:external_id`."""
        return ticket_key(self.tenant_id, self.external_id)


class Refused(msgspec.Struct, frozen=True, tag="refused", tag_field="type"):
    """The stub of a run's record that the classifier sent to dead letters: the run counts it."""

    origin: Origin
    job_id: str
    reason: str


class Reclassified(msgspec.Struct, frozen=True, tag="ticket.reclassified", tag_field="type"):
    """Newer rules say something else of a ticket whose text has the fingerprint `text`."""

    provenance: Provenance
    tenant_id: TenantId
    external_id: Identifier
    text: bytes
    labels: Labels
    origin: Origin | None = None

    @property
    def key(self) -> str:
        """`tenant:external_id`."""
        return ticket_key(self.tenant_id, self.external_id)


class Erased(msgspec.Struct, frozen=True, tag="ticket.erased", tag_field="type"):
    """An operator has a ticket's text and customer erased; `lifted`: lets sources show it again."""

    provenance: Provenance
    tenant_id: str
    external_id: str
    lifted: bool = False
    origin: Origin | None = None

    @property
    def key(self) -> str:
        """`tenant:external_id`."""
        return ticket_key(self.tenant_id, self.external_id)


class RunEnded(msgspec.Struct, frozen=True, tag="run.ended", tag_field="type"):
    """The last record of a run on one partition: `records` of it stand before this marker."""

    job_id: str
    tenant_id: RunTenantId
    outcome: RunOutcome
    partition: Count
    partitions: Count
    records: Count
    origin: Origin | None = None


# What a record says of one ticket.
TicketRecord: TypeAlias = Observed | Deleted | Reclassified | Erased
ClassifiedRecord: TypeAlias = TicketRecord | Refused | RunEnded

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[ClassifiedRecord] = msgspec.json.Decoder(ClassifiedRecord)


def encode_record(record: ClassifiedRecord) -> bytes:
    """`record` as it stands on `tickets.classified`."""
    return _ENCODER.encode(record)


def decode_record(value: bytes | None) -> ClassifiedRecord:
    """The record that `value` holds.

    Raises:
        UndecodableEventError: no record of ours reads like this.
    """
    try:
        return _DECODER.decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UndecodableEventError(str(error)) from error
