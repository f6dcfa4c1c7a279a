"""Publishing in order: every record acknowledged before the call returns, however long it takes."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from infra.backoff import Backoff
from infra.kafka import Outgoing, idempotent_producer
from infra.settings import Settings

log = structlog.get_logger()


class Publisher:
    """Writes with one idempotent producer, one unacknowledged batch per partition.

    A failed batch is sent again before anything later, by a new producer, as the old one's
    sequence numbers no longer hold.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._renewal = asyncio.Lock()

    async def publish(
        self, topic: str, records: Mapping[int, Sequence[Outgoing]]
    ) -> dict[int, int]:
        """Write each partition's records in order; return the offset after the last of each."""
        name = self._settings.topic(topic)
        pending = {partition: some for partition, some in records.items() if some}
        ends = await asyncio.gather(
            *(self._publish_partition(name, partition, some) for partition, some in pending.items())
        )
        return dict(zip(pending, ends, strict=True))

    async def stop(self) -> None:
        """Close the producer; nothing is in flight, as every call waits for its answers."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def _publish_partition(
        self, topic: str, partition: int, records: Sequence[Outgoing]
    ) -> int:
        backoff = Backoff()
        sent = end = 0
        while sent < len(records):
            producer = self._producer
            try:
                if producer is None:
                    producer = await self._renew(None)
                end, taken = await _send(producer, topic, partition, records[sent:])
                sent += taken
            except MessageSizeTooLargeError:
                raise
            except KafkaError as error:
                log.warning("publish_delayed", topic=topic, partition=partition, reason=repr(error))
                await backoff.sleep()
                await self._discard(producer)
        return end

    async def _renew(self, failed: AIOKafkaProducer | None) -> AIOKafkaProducer:
        async with self._renewal:
            if self._producer is None or self._producer is failed:
                producer = idempotent_producer(self._settings)
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def _discard(self, failed: AIOKafkaProducer | None) -> None:
        async with self._renewal:
            if self._producer is failed:
                self._producer = None
        try:
            if failed is not None:
                await failed.stop()
        except KafkaError as error:
            log.warning("producer_closed_unclean", reason=repr(error))


async def _send(
    producer: AIOKafkaProducer, topic: str, partition: int, records: Sequence[Outgoing]
) -> tuple[int, int]:
    """Send what fits one batch; return the offset after it and how many records it took."""
    batch = producer.create_batch()
    taken = 0
    for record in records:
        appended = batch.append(
            key=record.key,
            value=record.value,
            timestamp=record.timestamp,
            headers=list(record.headers),
        )
        if appended is None:
            break
        taken += 1
    acknowledgement = await producer.send_batch(batch, topic, partition=partition)
    metadata = await acknowledgement
    return metadata.offset + taken, taken
