"""A projector process: consumers of the log that keep the read models."""

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError

from domain.topics import CHANGES, DEAD_LETTERS, RUN_EVENTS
from infra.backoff import Backoff
from infra.checkpoints import Checkpoints
from infra.jobs import jobs_of
from infra.kafka import from_consumer, group_consumer
from infra.log_reader import LogReader
from infra.mongo import Mongo
from infra.publisher import Publisher
from infra.read_models import INGESTION_LOGS, TICKETS, ProjectionCheckpoints
from infra.settings import Settings
from infra.settlement import Settlement
from infra.stage import Stage, Step
from infra.startup import wait_for_engines
from projections.dead_letters import DeadLettersStep
from projections.ingestion_logs import IngestionLogsStep
from projections.tickets import TicketsStep

log = structlog.get_logger()

_BATCH = 2000
_POLL_MS = 250
_COMMIT_SECONDS = 5.0
_TICKET_STAGES = 2


async def run_projector(settings: Settings, stop: asyncio.Event) -> None:
    """Project until `stop` is set."""
    async with AsyncExitStack() as stack:
        mongo = Mongo(settings)
        stack.callback(mongo.close)
        await wait_for_engines(settings, mongo)
        publisher = Publisher(settings)
        stack.push_async_callback(publisher.stop)
        stages = _stages(settings, mongo, publisher, stack)
        log.info("projector_started")
        consuming = [asyncio.create_task(_consume(settings, t, s)) for t, s in stages]
        consuming.append(asyncio.create_task(_until(stop)))
        try:
            await asyncio.wait(consuming, return_when=asyncio.FIRST_COMPLETED)
            for task in consuming:
                if task.done():
                    task.result()
        finally:
            for task in consuming:
                task.cancel()
            await asyncio.gather(*consuming, return_exceptions=True)
            log.info("projector_stopped")


def _stages(
    settings: Settings, mongo: Mongo, publisher: Publisher, stack: AsyncExitStack
) -> list[tuple[str, Stage]]:
    """The stages of this process, each with the topic that it follows.

    Two share the partitions of `tickets.changes`: while one waits for MongoDB, the other decodes.
    """
    partitions = settings.kafka_partitions
    jobs = jobs_of(mongo, settings)
    tickets = ProjectionCheckpoints(mongo, TICKETS)
    runs = ProjectionCheckpoints(mongo, INGESTION_LOGS)
    letters = Checkpoints(mongo, "dead_letters", DEAD_LETTERS)
    steps: list[tuple[str, Checkpoints, Step]] = [
        (RUN_EVENTS, runs, IngestionLogsStep(mongo, runs, publisher, partitions)),
        (DEAD_LETTERS, letters, DeadLettersStep(mongo, letters)),
    ]
    for _ in range(min(_TICKET_STAGES, partitions)):
        step = TicketsStep(mongo, tickets, publisher, Settlement(mongo, jobs), partitions)
        steps.append((CHANGES, tickets, step))
    stages = []
    for topic, checkpoints, made in steps:
        reader = LogReader(settings)
        stack.push_async_callback(reader.stop)
        stages.append((topic, Stage(topic, made, checkpoints, reader)))
    return stages


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()


async def _consume(settings: Settings, topic: str, stage: Stage) -> None:
    """Consume `topic` for ever; a consumer that fails is made anew."""
    backoff = Backoff()
    while True:
        consumer = group_consumer(settings, f"deskstream.projector.{topic}")
        try:
            await consumer.start()
            consumer.subscribe([settings.topic(topic)], listener=_Assignment(consumer, stage))
            await _feed(consumer, stage)
        except KafkaError as error:
            log.warning("consumer_restarted", topic=topic, reason=repr(error))
            await backoff.sleep()
        finally:
            await consumer.stop()


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
