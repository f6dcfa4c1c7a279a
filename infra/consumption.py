"""Feeding a stage from a consumer group: Kafka shares the partitions out, checkpoints decide."""

import asyncio
from collections.abc import Collection

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError

from infra.backoff import Backoff
from infra.kafka import from_consumer, group_consumer, stop_consumer
from infra.settings import Settings
from infra.stage import Stage

log = structlog.get_logger()

_BATCH = 2000
_POLL_MS = 250
_COMMIT_SECONDS = 5.0


async def consume(settings: Settings, group: str, topic: str, stage: Stage) -> None:
    """Feed `stage` what `group` reads of `topic`, for ever; a consumer that fails is made anew."""
    backoff = Backoff()
    while True:
        try:
            await _consume_until_it_fails(settings, group, topic, stage)
        except KafkaError as error:
            log.warning("consumer_restarted", topic=topic, reason=repr(error))
            await backoff.sleep()


async def _consume_until_it_fails(settings: Settings, group: str, topic: str, stage: Stage) -> None:
    consumer = group_consumer(settings, group)
    try:
        await consumer.start()
        consumer.subscribe([settings.topic(topic)], listener=_Assignment(consumer, stage))
        await _feed(consumer, stage)
    finally:
        await stop_consumer(consumer)


async def _feed(consumer: AIOKafkaConsumer, stage: Stage) -> None:
    loop = asyncio.get_running_loop()
    committed = loop.time()
    while True:
        fetched = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_BATCH)
        records = [from_consumer(record) for some in fetched.values() for record in some]
        if records:
            await stage.absorb(records)
        else:
            await stage.tend({place.partition for place in consumer.assignment()})
        if loop.time() - committed > _COMMIT_SECONDS:
            committed = loop.time()
            try:
                await consumer.commit()
            except CommitFailedError as error:
                # Committed offsets only show lag; the checkpoint is what counts.
                log.info("offsets_not_committed", reason=repr(error))


class _Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """Seeks every partition that Kafka assigns to its checkpoint."""

    def __init__(self, consumer: AIOKafkaConsumer, stage: Stage) -> None:
        self._consumer = consumer
        self._stage = stage

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Nothing: a batch under way ends at its fence."""

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Seek; a partition that is halted stays where it is, paused."""
        places = {place.partition: place for place in assigned}
        positions = await self._stage.positions(places)
        for partition, place in places.items():
            if partition in positions:
                self._consumer.seek(place, positions[partition])
            else:
                self._consumer.pause(place)
