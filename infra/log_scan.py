"""Reading a partition from end to end, fast: one assignment, batches in order, up to an offset."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from domain.errors import DependencyDownError, LogMismatchError
from infra.kafka import Record, from_consumer, started_plain_consumer, stop_consumer
from infra.settings import Settings

_BATCH: Final = 2_000
_POLL_MS: Final = 500
_PATIENCE_SECONDS: Final = 30.0


class LogScan:
    """A plain consumer that reads on where it stands; one caller at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer: AIOKafkaConsumer | None = None
        self._place: TopicPartition | None = None

    async def batches(
        self, topic: str, partition: int, start: int, stop: int
    ) -> AsyncIterator[Sequence[Record]]:
        """The committed records from `start` up to `stop`, in order.

        Offsets without a record (control records, aborted transactions) are passed over.

        Raises:
            LogMismatchError: the range is not in the log.
            DependencyDownError: Kafka has been silent for half a minute.
        """
        if start >= stop:
            return
        place = TopicPartition(self._settings.topic(topic), partition)
        consumer = await self._at(place, start)
        position = start
        while position < stop:
            try:
                some = await self._next(consumer, place, position)
            except OffsetOutOfRangeError:
                reason = f"offsets {position} to {stop} are not there"
                raise LogMismatchError(topic, partition, reason) from None
            records = [from_consumer(record) for record in some if record.offset < stop]
            position = await consumer.position(place)
            if records:
                yield records

    async def stop(self) -> None:
        """Close the consumer."""
        if self._consumer is not None:
            await stop_consumer(self._consumer)
            self._consumer = None

    async def _at(self, place: TopicPartition, start: int) -> AIOKafkaConsumer:
        if self._consumer is None:
            self._consumer = await started_plain_consumer(self._settings)
        if self._place != place:
            self._consumer.assign([place])
            self._place = place
            self._consumer.seek(place, start)
        elif await self._consumer.position(place) != start:
            self._consumer.seek(place, start)
        return self._consumer

    async def _next(
        self, consumer: AIOKafkaConsumer, place: TopicPartition, position: int
    ) -> Sequence["Record"]:
        """What comes next; nothing if only the position moved on."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE_SECONDS
        while loop.time() < deadline:
            found = await consumer.getmany(place, timeout_ms=_POLL_MS, max_records=_BATCH)
            records: Sequence[Record] = found.get(place, ())
            if records or await consumer.position(place) > position:
                return records
        raise DependencyDownError("Kafka")
