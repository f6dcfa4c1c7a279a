"""Runs: the phases of a job, what a crawl counts, and what the audit says in the end."""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from domain.bounds import Count, RunTenantId, check_instants
from domain.errors import UndecodableEventError
from domain.events import Tally
from domain.records import RunOutcome

Phase = Literal["queued", "fetching", "applying", "completed", "failed", "cancelled", "interrupted"]
ALL_TENANTS: Final = "*"
ACTIVE: Final = ("queued", "fetching", "applying")
ENDED: Final = ("completed", "failed", "cancelled", "interrupted")
PHASE_OF: Final[dict[RunOutcome, Phase]] = {
    "SUCCESS": "completed",
    "PARTIAL_SUCCESS": "completed",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
    "INTERRUPTED": "interrupted",
}


class RunAudit(msgspec.Struct, frozen=True, kw_only=True, tag="run.ended", tag_field="type"):
    """The one record of how a run ended, as it stands on `ingestion.events`.

    For a completed run `fetched` is the sum of `new_ingested`, `updated`, `restored`,
    `unchanged`, `stale`, `rejected`, `foreign` and `duplicates`.
    """

    job_id: str
    tenant_id: RunTenantId
    parent_id: str | None
    status: RunOutcome
    started_at: datetime
    ended_at: datetime
    pages: Count
    fetched: Count
    new_ingested: Count
    updated: Count
    unchanged: Count
    stale: Count
    deleted: Count
    restored: Count
    rejected: Count
    foreign: Count
    duplicates: Count
    errors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_instants((self.started_at, self.ended_at))

    @property
    def unaccounted(self) -> int:
        """Fetched rows without an outcome: 0 for a completed run."""
        return self.fetched - (
            self.new_ingested
            + self.updated
            + self.restored
            + self.unchanged
            + self.stale
            + self.rejected
            + self.foreign
            + self.duplicates
        )


def audit(job: dict[str, Any], tally: Tally, ended_at: datetime) -> RunAudit:
    """The audit of `job`, a job document, whose records ended as `tally` says."""
    counts = msgspec.structs.asdict(tally)
    counts["rejected"] += job["rejected"]
    return RunAudit(
        job_id=job["_id"],
        tenant_id=job["tenant_id"],
        parent_id=job["parent_id"],
        status=job["outcome"],
        started_at=job["started_at"] or job["requested_at"],
        ended_at=ended_at,
        pages=job["pages_done"],
        fetched=job["fetched"],
        foreign=job["foreign"],
        errors=tuple(job["errors"]),
        **counts,
    )


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(RunAudit)


def encode_audit(record: RunAudit) -> bytes:
    """`record` as it stands on `ingestion.events`."""
    return _ENCODER.encode(record)


def decode_audit(value: bytes | None) -> RunAudit:
    """The audit that `value` holds.

    Raises:
        UndecodableEventError: no version of the contract reads like this.
    """
    try:
        return _DECODER.decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UndecodableEventError(str(error)) from error
