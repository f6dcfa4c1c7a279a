"""A topic in memory that keeps the contract of `LogReader`."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from aiokafka.errors import KafkaConnectionError

from domain.errors import LogMismatchError
from infra.kafka import Record


@dataclass
class Log:
    """A topic: `records` of a partition lack the offsets of control and aborted records."""

    records: dict[int, list[Record]]
    ends: dict[int, int]
    starts: dict[int, int] = field(default_factory=dict)
    failures: int = 0

    async def bounds(self, topic: str, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
        """The reader's port."""
        self._fail()
        return {p: (self.starts.get(p, 0), self.ends[p]) for p in partitions}

    async def read(
        self, topic: str, partition: int, start: int, stop: int, *, limit: int = 500
    ) -> tuple[list[Record], int]:
        """The reader's port."""
        self._fail()
        if start < self.starts.get(partition, 0):
            raise LogMismatchError(topic, partition, f"offsets {start} to {stop} are not there")
        found = [r for r in self.records[partition] if start <= r.offset < stop]
        if len(found) > limit:
            return found[:limit], found[limit - 1].offset + 1
        return found, stop

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise KafkaConnectionError("down")
