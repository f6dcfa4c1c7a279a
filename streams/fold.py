"""Folding one partition's batch: records in, states, change events and run counters out.  Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from domain.changes import decide
from domain.erasure import erase
from domain.events import ChangeEvent, LogRecord, RunMarker, Tally, encode
from domain.reclassification import reclassify
from domain.records import (
    LIVE,
    ClassifiedRecord,
    Deleted,
    Erased,
    Observed,
    Origin,
    Provenance,
    Reclassified,
    Refused,
    RunEnded,
    TicketRecord,
)
from domain.ticket_state import TicketState

_UNCOUNTED: Final = ("repeated", "void")


class FoldedEvent(NamedTuple):
    """A record for `tickets.changes`; `origin` says which raw record it follows from."""

    key: bytes | None
    value: bytes
    type: str
    origin: Origin | None


@dataclass
class RunCounter:
    """What one run's records on one partition became; frozen once its marker was met."""

    job_id: str
    partition: int
    tally: Tally = field(default_factory=Tally)
    frozen: bool = False
    is_new: bool = True

    @property
    def id(self) -> str:
        """The `_id` of its document."""
        return f"{self.job_id}:{self.partition}"


@dataclass
class PartitionFold:
    """The fold of one partition: what it knows before, and what changes.

    `raw_high` maps `epoch/partition` of `tickets.raw` to the offset of the last record applied;
    nothing at or below it counts again.
    """

    partition: int
    raw_high: dict[str, int]
    states: dict[str, TicketState]
    counters: dict[str, RunCounter]
    jobs: Mapping[str, Mapping[str, Any]]
    known_versions: dict[str, int] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    counted: set[str] = field(default_factory=set)
    events: list[FoldedEvent] = field(default_factory=list)
    refused: list[tuple[RunEnded, str]] = field(default_factory=list)

    def apply(self, record: ClassifiedRecord) -> None:
        """Fold one record in, the next of its partition; one that was applied changes nothing."""
        if self._is_new(record.origin):
            self._apply(record)

    def _is_new(self, origin: Origin | None) -> bool:
        if origin is None:
            return True
        place = origin.place
        if origin.offset <= self.raw_high.get(place, -1):
            return False
        if origin.epoch and place not in self.raw_high:
            self._forget_other_replays(origin.epoch)
        self.raw_high[place] = origin.offset
        return True

    def _forget_other_replays(self, epoch: int) -> None:
        """Keep the marks of one replay at most: without them an earlier one changes nothing."""
        live_or_this = (f"{LIVE}/", f"{epoch}/")
        self.raw_high = {p: o for p, o in self.raw_high.items() if p.startswith(live_or_this)}

    def _apply(self, record: ClassifiedRecord) -> None:
        match record:
            case Observed() | Deleted() | Reclassified() | Erased():
                self._decide(record)
            case Refused():
                self._count(record.job_id, "rejected")
            case RunEnded():
                self._end_run(record)

    def _decide(self, record: TicketRecord) -> None:
        key = record.key
        state = self.states.get(key) or unknown_ticket(record)
        match record:
            case Reclassified():
                decision = reclassify(state, record)
            case Erased():
                decision = erase(state, record)
            case _:
                decision = decide(state, record, complete_run_before(record, self.jobs))
        if decision.state is not state:
            self.known_versions.setdefault(key, state.version if key in self.states else -1)
            self.states[key] = decision.state
            self.touched.add(key)
        if decision.event is not None:
            self._emit(key.encode(), decision.event, record.origin)
        if decision.outcome not in _UNCOUNTED:
            self._count_for(record.provenance, decision.outcome, decision.state.tenant_id)

    def _count_for(self, provenance: Provenance, outcome: str, tenant_id: str) -> None:
        # A run counts its own deliveries: what is redriven it counted once, as rejected, and
        # what is replayed of it comes from elsewhere.
        if provenance.job_id is not None and provenance.cause == "crawl":
            self._count(provenance.job_id, outcome, tenant_id)

    def _count(self, job_id: str, outcome: str, tenant_id: str | None = None) -> None:
        """One more of `outcome`, if there is such a run of this tenant."""
        if _run(self.jobs, job_id, tenant_id) is None:
            return
        counter = self._counter(job_id)
        if not counter.frozen:
            counter.tally = counter.tally.plus(outcome)
            self.counted.add(job_id)

    def _end_run(self, marker: RunEnded) -> None:
        counter = self._counter(marker.job_id)
        if counter.frozen:
            return
        if reason := self._objection(marker):
            self.refused.append((marker, reason))
            return
        counter.frozen = True
        self.counted.add(marker.job_id)
        ended = RunMarker(
            job_id=marker.job_id,
            tenant_id=marker.tenant_id,
            outcome=marker.outcome,
            partition=self.partition,
            partitions=marker.partitions,
            tally=counter.tally,
        )
        self._emit(None, ended, marker.origin)

    def _objection(self, marker: RunEnded) -> str | None:
        """Why the marker is not believed: anyone can write to `tickets.raw`."""
        job = self.jobs.get(marker.job_id)
        if job is None or job["phase"] != "applying":
            return f"run.ended: no run {marker.job_id} waits for it"
        said = (marker.tenant_id, marker.outcome, marker.partition, marker.partitions)
        known = (job["tenant_id"], job["outcome"], self.partition, len(job["sent"]))
        if said != known or marker.records != job["sent"][self.partition]:
            return f"run.ended: does not match run {marker.job_id}"
        return None

    def _counter(self, job_id: str) -> RunCounter:
        return self.counters.setdefault(job_id, RunCounter(job_id, self.partition))

    def _emit(self, key: bytes | None, record: LogRecord, origin: Origin | None) -> None:
        type_ = record.type if isinstance(record, ChangeEvent) else "run.ended"
        self.events.append(FoldedEvent(key, encode(record), type_, origin))


def complete_run_before(
    record: Observed | Deleted, jobs: Mapping[str, Mapping[str, Any]]
) -> str | None:
    """The complete crawl of the tenant before the one that sent `record`, if any."""
    about = record.ticket if isinstance(record, Observed) else record
    job = _run(jobs, record.provenance.job_id, about.tenant_id)
    # A run of an earlier release does not say.
    return job.get("previous_complete") if job else None


def _run(
    jobs: Mapping[str, Mapping[str, Any]], job_id: str | None, tenant_id: str | None
) -> Mapping[str, Any] | None:
    """The run of this name, unless it is another tenant's: anyone can name it."""
    job = jobs.get(job_id or "")
    return job if job and tenant_id in (None, job["tenant_id"]) else None


def unknown_ticket(record: TicketRecord) -> TicketState:
    """The state of a ticket before its first record."""
    about = record.ticket if isinstance(record, Observed) else record
    return TicketState(tenant_id=about.tenant_id, external_id=about.external_id)
