"""A copy of a topic, record by record at the same offsets; one that is there is continued."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from domain.errors import LogMismatchError
from domain.topics import CHANGES
from infra.kafka import Outgoing, Record
from infra.log_reader import LogReader
from infra.log_scan import LogScan
from infra.publisher import Publisher
from infra.settings import Settings

COPY: Final = f"{CHANGES}.rewrite"
_CHUNK: Final = 500

Rewrites = Callable[[bytes | None, bytes | None], bytes]
Objects = Callable[[Record, Record], str | None]
Progress = Callable[[int], None]


class LogCopy:
    """Copies and compares whole topics of the same partitions; nobody else writes to `to`."""

    def __init__(self, settings: Settings, reader: LogReader, publisher: Publisher) -> None:
        self._settings = settings
        self._reader = reader
        self._publisher = publisher

    async def ends(self, topic: str) -> dict[int, int]:
        """The end of each partition.

        Raises:
            LogMismatchError: one does not begin with its first record.
        """
        partitions = await self._reader.partitions(topic)
        bounds = await self._reader.bounds(topic, partitions)
        for partition, (start, _) in bounds.items():
            if start:
                raise LogMismatchError(topic, partition, f"it begins at {start}")
        return {partition: end for partition, (_, end) in bounds.items()}

    async def copy(self, of: str, to: str, rewritten: Rewrites, progress: Progress) -> None:
        """Write to `to` what it lacks of `of`.

        Raises:
            LogMismatchError: an offset holds no record, so that the copy could not keep offsets.
        """
        there = await self.ends(to)
        for partition, end in (await self.ends(of)).items():
            position = there[partition]
            async for records in self.records(of, partition, position, end):
                some = [_outgoing(record, rewritten) for record in records]
                ends = await self._publisher.publish(to, {partition: some})
                position += len(some)
                if ends[partition] != position:
                    reason = f"it ends at {ends[partition]}, not {position}: somebody else writes"
                    raise LogMismatchError(to, partition, reason)
                progress(len(some))

    async def compare(self, of: str, to: str, objects: Objects, progress: Progress) -> None:
        """Hold both against each other, record by record.

        Raises:
            LogMismatchError: they have not as many records, or `objects` says what is wrong.
        """
        ends, there = await self.ends(of), await self.ends(to)
        for partition, end in ends.items():
            if there[partition] != end:
                reason = f"it ends at {there[partition]}, the original at {end}"
                raise LogMismatchError(to, partition, reason)
            copies = _each(self.records(to, partition, 0, end))
            async for records in self.records(of, partition, 0, end):
                for old in records:
                    if objection := objects(old, await anext(copies)):
                        raise LogMismatchError(to, partition, f"offset {old.offset}: {objection}")
                progress(len(records))

    async def records(
        self, topic: str, partition: int, start: int, end: int
    ) -> AsyncIterator[Sequence[Record]]:
        """The records of a range, 500 at a time, every offset one.

        Raises:
            LogMismatchError: an offset holds none.
        """
        scan = LogScan(self._settings)
        position = start
        try:
            async for batch in scan.batches(topic, partition, start, end):
                for first in range(0, len(batch), _CHUNK):
                    some = batch[first : first + _CHUNK]
                    if some[-1].offset != position + len(some) - 1:
                        raise LogMismatchError(topic, partition, f"a gap behind {position}")
                    position += len(some)
                    yield some
        finally:
            await scan.stop()
        if position < end:
            raise LogMismatchError(topic, partition, f"a gap behind {position}")

    async def record(self, topic: str, partition: int, offset: int) -> Record:
        """One record."""
        found, _ = await self._reader.read(topic, partition, offset, offset + 1)
        if not found:
            raise LogMismatchError(topic, partition, f"no record at {offset}")
        return found[0]


async def _each(batches: AsyncIterator[Sequence[Record]]) -> AsyncIterator[Record]:
    async for batch in batches:
        for record in batch:
            yield record


def _outgoing(record: Record, rewritten: Rewrites) -> Outgoing:
    value = rewritten(record.key, record.value)
    return Outgoing(record.key, value, record.headers, record.timestamp)
