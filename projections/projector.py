"""A projector process: consumers of the log that keep the read models."""

import asyncio
from contextlib import AsyncExitStack

import structlog

from domain.topics import CHANGES, DEAD_LETTERS, RUN_EVENTS
from infra.checkpoints import Checkpoints
from infra.consumption import consume
from infra.jobs import jobs_of
from infra.lifetime import work_until
from infra.log_reader import LogReader
from infra.measured_step import MeasuredStep
from infra.mongo import Mongo
from infra.publisher import Publisher
from infra.read_models import INGESTION_LOGS, TICKETS, ProjectionCheckpoints
from infra.settings import Settings
from infra.settlement import Settlement
from infra.stage import Stage
from infra.startup import wait_for_engines
from infra.step import Step
from projections.dead_letters import DeadLettersStep
from projections.ingestion_logs import IngestionLogsStep
from projections.roll_up_merging import RollUpMerger
from projections.tickets import TicketsStep

log = structlog.get_logger()

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
        consuming = {
            f"{number}:{topic}": consume(settings, f"deskstream.projector.{topic}", topic, stage)
            for number, (topic, stage) in enumerate(stages)
        }
        merging = {"roll_ups": RollUpMerger(mongo).run()}
        try:
            await work_until(stop, consuming | merging)
        finally:
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
        measured = MeasuredStep(checkpoints.consumer, made)
        stages.append((topic, Stage(topic, measured, checkpoints, reader)))
    return stages
