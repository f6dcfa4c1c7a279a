"""The classifier: tickets.raw -> tickets.classified."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from domain.cloudevents import RawRecord, Sighting, job_of, read_raw
from domain.errors import RejectedRecordError
from domain.identity import partition_of
from domain.labels import Classifies
from domain.records import (
    LIVE,
    ClassifiedRecord,
    Deleted,
    Observed,
    Origin,
    Refused,
    RunEnded,
    encode_record,
)
from domain.redriving import redrive_marks
from domain.topics import CLASSIFIED, RAW
from infra import crash_points, dead_letters
from infra.checkpoints import Checkpoint, Checkpoints, after, moves_behind
from infra.dead_letters import DeadLetter
from infra.kafka import Outgoing, Record
from infra.process_metrics import CLASSIFICATION_SECONDS
from infra.publisher import Publisher
from infra.turns import in_turns


@dataclass
class ClassifiedBatch:
    """What a batch of raw records becomes: records per output partition, and refusals."""

    records: dict[int, list[Outgoing]] = field(default_factory=dict)
    refused: list[DeadLetter] = field(default_factory=list)
    seconds: float = 0.0  # spent on it

    def add(self, partition: int, key: str | None, record: ClassifiedRecord) -> None:
        """One more record for `partition`."""
        outgoing = Outgoing(None if key is None else key.encode(), encode_record(record))
        self.records.setdefault(partition, []).append(outgoing)


def classified(raw: RawRecord, classifier: Classifies) -> Observed | Deleted | RunEnded:
    """What a raw record becomes on `tickets.classified`.

    Raises:
        RejectedRecordError: the record breaks the contract.
    """
    event = read_raw(raw)
    if not isinstance(event, Sighting):
        return event
    fields = event.ticket.fields
    labels = classifier.classify(fields.subject, fields.message)
    return Observed(raw.origin, event.provenance, event.ticket, labels)


def classify_record(
    record: Record, batch: ClassifiedBatch, classifier: Classifies, partitions: int
) -> None:
    """Add to `batch` what one raw record becomes.  The output partition follows from the data."""
    origin = Origin(LIVE, record.partition, record.offset)
    raw = RawRecord(origin, record.key, record.value, record.headers, record.timestamp)
    try:
        event = classified(raw, classifier)
    except RejectedRecordError as error:
        batch.refused.append(dead_letters.of_record(RAW, record, error.reason))
        job_id = job_of(raw)
        # A run has counted what is redriven.
        if job_id and redrive_marks(record.headers) is None:
            batch.add(record.partition, None, Refused(origin, job_id, error.reason))
        return
    if isinstance(event, RunEnded):
        batch.add(record.partition, None, event)
    else:
        batch.add(partition_of(event.key.encode(), partitions), event.key, event)


class ClassifierStep:
    """Publishes a batch, awaits every acknowledgement, then moves the checkpoints.

    A crash in between repeats records with the same raw positions, which the sync agent drops.
    """

    def __init__(
        self,
        classifier: Classifies,
        checkpoints: Checkpoints,
        publisher: Publisher,
        partitions: int,
    ) -> None:
        self._classifier = classifier
        self._checkpoints = checkpoints
        self._publisher = publisher
        self._partitions = partitions

    async def open(self, partitions: Iterable[int]) -> dict[int, Checkpoint]:
        """The checkpoints; a predecessor leaves nothing to finish."""
        return await self._checkpoints.load(partitions)

    async def taken(self, _checkpoints: Mapping[int, Checkpoint]) -> tuple[int, ...]:
        """None: without transactions that one could end, two may both go on, each by the fence."""
        return ()

    async def advance(
        self, slices: Mapping[int, Sequence[Record]], checkpoints: Mapping[int, Checkpoint]
    ) -> dict[int, Checkpoint]:
        """Classify, publish, move on."""
        batch = ClassifiedBatch()
        for records in slices.values():
            await in_turns(records, partial(self._classify, batch))
        CLASSIFICATION_SECONDS.inc(batch.seconds)
        crash_points.reached("classified_batch")
        await dead_letters.send(self._publisher, batch.refused, self._partitions)
        await self._publisher.publish(CLASSIFIED, batch.records)
        crash_points.reached("classified_published")
        moves = moves_behind(slices, checkpoints)
        await self._checkpoints.advance(moves)
        crash_points.reached("classified_checkpointed")
        return after(moves)

    def _classify(self, batch: ClassifiedBatch, record: Record) -> None:
        begun = time.monotonic()
        classify_record(record, batch, self._classifier, self._partitions)
        batch.seconds += time.monotonic() - begun
