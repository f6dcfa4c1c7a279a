"""Replay: records of `tickets.raw` since an instant go through the pipeline once more.

A replay makes good what got lost or was refused on the way, once the cause is mended: today's code
reads, judges and labels the records, and the sync agent folds in what it never saw, as changes
with the cause `replay`, which alert nobody.  A ticket remembers the last 32 ids it folded in; of
one that forgot some, only what is later than everything it knows is believed.  So a replay of a
pipeline that lost nothing adds nothing, however often it is begun, and wherever it was killed.
What was folded in counts as judged: a ticket is never judged a second time.

The records go to `tickets.classified`, not to `tickets.raw` again.  There they stand behind the
originals in their ticket's own partition (only what has passed the classifier is replayed), keep
the Kafka timestamp that stands for a missing `time`, and are no news to whoever else reads the raw
topic, nor to the next replay.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, assert_never

from msgspec.structs import replace

from domain.cloudevents import RawRecord, Sighting, read_raw
from domain.errors import RejectedRecordError
from domain.instants import from_milliseconds, to_milliseconds
from domain.labels import Classifies
from domain.records import Deleted, Observed, Origin, Provenance, RunEnded
from domain.topics import RAW
from infra.checkpoints import Checkpoints
from infra.kafka import Record
from infra.log_reader import LogReader
from streams.reentry import Takes

_CHUNK: Final = 500


class Stretch(NamedTuple):
    """What of `tickets.raw` is to be replayed: offsets of each partition, half-open.

    `kept_from` is the time of the first record that Kafka keeps, if earlier ones, which would have
    been replayed too, are gone; `ahead` counts newer records, which still come by themselves.
    """

    ranges: dict[int, tuple[int, int]]
    kept_from: datetime | None
    ahead: int

    @property
    def size(self) -> int:
        """The number of offsets."""
        return sum(end - start for start, end in self.ranges.values())


@dataclass
class Replay:
    """One replay under way.  `epoch` tells its records from others of the same raw positions.

    `refused` counts records that break the contract, which are dead letters already, and
    `passed_over` those of other tenants, and the marks of runs that ended.
    """

    classifier: Classifies
    epoch: int
    tenant_id: str | None = None
    read: int = 0
    taken: int = 0
    refused: int = 0
    passed_over: int = 0

    async def run(
        self, reader: LogReader, stretch: Stretch, to: Takes, progress: Callable[[int], None]
    ) -> None:
        """Hand the records of `stretch` on, about in the order in which they once came.

        `progress` is told how many offsets are behind.

        Raises:
            LogMismatchError: Kafka deleted some of them meanwhile.
        """
        positions = {p: start for p, (start, end) in stretch.ranges.items() if start < end}
        reached = dict.fromkeys(positions, 0)
        while positions:
            partition = min(positions, key=lambda p: (reached[p], p))
            end = stretch.ranges[partition][1]
            start = positions[partition]
            records, onward = await reader.read(RAW, partition, start, end, limit=_CHUNK)
            await to.take(list(self._wanted(records)))
            progress(onward - start)
            positions[partition] = onward
            reached[partition] = records[-1].timestamp if records else reached[partition]
            if onward >= end:
                del positions[partition]

    def _wanted(self, records: Iterable[Record]) -> Iterable[Observed | Deleted]:
        for record in records:
            self.read += 1
            try:
                again = self._again(record)
            except RejectedRecordError:
                self.refused += 1
                continue
            if again is None:
                self.passed_over += 1
            else:
                self.taken += 1
                yield again

    def _again(self, record: Record) -> Observed | Deleted | None:
        origin = Origin(self.epoch, record.partition, record.offset)
        raw = RawRecord(origin, record.key, record.value, record.headers, record.timestamp)
        match event := read_raw(raw):
            case RunEnded():
                return None
            case Deleted():
                if self._is_of_another(event.tenant_id):
                    return None
                return replace(event, provenance=_replayed(event.provenance))
            case Sighting(ticket=ticket):
                if self._is_of_another(ticket.tenant_id):
                    return None
                labels = self.classifier.classify(ticket.fields.subject, ticket.fields.message)
                return Observed(origin, _replayed(event.provenance), ticket, labels)
            case _:
                assert_never(event)

    def _is_of_another(self, tenant_id: str) -> bool:
        return self.tenant_id not in (None, tenant_id)


def _replayed(provenance: Provenance) -> Provenance:
    return replace(provenance, cause="replay")


async def stretch_since(reader: LogReader, classified: Checkpoints, since: datetime) -> Stretch:
    """What lies between `since`, by Kafka's clock, and where the classifier stands.

    `classified` are the classifier's checkpoints.
    """
    partitions = await reader.partitions(RAW)
    bounds = await reader.bounds(RAW, partitions)
    found = await reader.offsets_since(RAW, partitions, to_milliseconds(since))
    passed = await classified.load(partitions)
    ranges, kept_from, ahead = {}, [], 0
    for partition, (first, last) in bounds.items():
        start, stamp = found.get(partition) or (last, None)
        end = max(passed[partition].next_offset, start) if partition in passed else start
        ranges[partition] = (start, min(end, last))
        ahead += last - ranges[partition][1]
        if start == first > 0 and stamp is not None:
            kept_from.append(from_milliseconds(stamp))
    return Stretch(ranges, max(kept_from, default=None), ahead)
