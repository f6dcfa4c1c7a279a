"""Reading a range of a partition directly, whatever a consumer group thinks."""

import asyncio
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from domain.errors import LogMismatchError
from infra.kafka import (
    LARGEST_REQUEST,
    Record,
    from_consumer,
    started_plain_consumer,
    stop_consumer,
)
from infra.settings import Settings

_POLL_MS = 500
_GLANCE_BYTES = 64 * 1024


class LogReader:
    """A plain consumer that is assigned, sought and read on demand; one caller at a time.

    Another, that fetches little, looks at first records.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumers: dict[int, AIOKafkaConsumer] = {}
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

    async def first_timestamps(
        self, topic: str, ranges: Mapping[int, tuple[int, int]]
    ) -> dict[int, int]:
        """When the first record of each partition's range was written, in milliseconds.

        Ranges without a record, or that are no longer in the log, are left out.
        """
        async with self._turn:
            consumer = await self._started(_GLANCE_BYTES)
            name = self._settings.topic(topic)
            stops = {TopicPartition(name, p): stop for p, (_, stop) in ranges.items()}
            consumer.assign(list(stops))
            for place in stops:
                consumer.seek(place, ranges[place.partition][0])
            try:
                return await _first(consumer, stops)
            finally:
                consumer.unsubscribe()  # as above

    async def stop(self) -> None:
        """Close the consumers."""
        while self._consumers:
            _, consumer = self._consumers.popitem()
            await stop_consumer(consumer)

    async def _started(self, partition_bytes: int = LARGEST_REQUEST) -> AIOKafkaConsumer:
        if partition_bytes not in self._consumers:
            self._consumers[partition_bytes] = await started_plain_consumer(
                self._settings, partition_bytes
            )
        return self._consumers[partition_bytes]


async def _first(consumer: AIOKafkaConsumer, stops: dict[TopicPartition, int]) -> dict[int, int]:
    found: dict[int, int] = {}
    waiting = set(stops)
    while waiting:
        try:
            some = await consumer.getmany(*waiting, timeout_ms=_POLL_MS, max_records=1)
        except OffsetOutOfRangeError as error:
            waiting -= error.args[0].keys()
            continue
        found |= {p.partition: r.timestamp for p, (r,) in some.items() if r.offset < stops[p]}
        read = {place for place in waiting if await consumer.position(place) >= stops[place]}
        if ended := read | some.keys():
            consumer.pause(*ended)  # or it would be asked for more
        waiting -= ended
    return found
