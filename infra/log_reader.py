"""Reading a range of a partition directly, whatever a consumer group thinks."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from domain.errors import LogMismatchError
from infra.kafka import Record, from_consumer, started_plain_consumer, stop_consumer
from infra.settings import Settings

_POLL_MS = 500


class LogReader:
    """A plain consumer that is assigned, sought and read on demand; one caller at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer: AIOKafkaConsumer | None = None
        self._turn = asyncio.Lock()

    async def bounds(self, topic: str, partitions: list[int]) -> dict[int, tuple[int, int]]:
        """Each partition's first offset and the one after its last committed record."""
        async with self._turn:
            consumer = await self._started()
            wanted = [TopicPartition(self._settings.topic(topic), p) for p in partitions]
            starts = await consumer.beginning_offsets(wanted)
            ends = await consumer.end_offsets(wanted)
            return {tp.partition: (starts[tp], ends[tp]) for tp in wanted}

    async def offsets_since(
        self, topic: str, partitions: list[int], milliseconds: int
    ) -> dict[int, tuple[int, int]]:
        """The first record of each partition that is not older, as offset and timestamp.

        Partitions without one are left out.
        """
        async with self._turn:
            consumer = await self._started()
            name = self._settings.topic(topic)
            wanted = {TopicPartition(name, partition): milliseconds for partition in partitions}
            found = await consumer.offsets_for_times(wanted)
            return {
                place.partition: (first.offset, first.timestamp)
                for place, first in found.items()
                if first is not None
            }

    async def partitions(self, topic: str) -> list[int]:
        """The partitions of a topic; empty when there is no such topic."""
        async with self._turn:
            consumer = await self._started()
            name = self._settings.topic(topic)
            await consumer._client.add_topic(name)
            return sorted(consumer.partitions_for_topic(name) or ())

    async def read(
        self, topic: str, partition: int, start: int, stop: int, *, limit: int = 500
    ) -> tuple[list[Record], int]:
        """Committed records from `start` up to `stop`, at most about `limit`, and where to go on.

        Offsets without a record (control records, aborted transactions) are passed over.

        Raises:
            LogMismatchError: the range is not in the log.
        """
        async with self._turn:
            consumer = await self._started()
            place = TopicPartition(self._settings.topic(topic), partition)
            consumer.assign([place])
            consumer.seek(place, start)
            found: list[Record] = []
            position = start
            try:
                while position < stop and len(found) < limit:
                    some = await consumer.getmany(place, timeout_ms=_POLL_MS, max_records=limit)
                    found += [from_consumer(r) for r in some.get(place, ()) if r.offset < stop]
                    position = await consumer.position(place)
            except OffsetOutOfRangeError:
                raise LogMismatchError(
                    topic, partition, f"offsets {start} to {stop} are not there"
                ) from None
            finally:
                consumer.unsubscribe()  # or it would go on fetching in the background
            return found, min(position, stop)

    async def stop(self) -> None:
        """Close the consumer."""
        if self._consumer is not None:
            await stop_consumer(self._consumer)
            self._consumer = None

    async def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            self._consumer = await started_plain_consumer(self._settings)
        return self._consumer
