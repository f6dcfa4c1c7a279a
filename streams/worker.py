"""A worker process: the three agents, what they need, and a clean end within ten seconds."""

import asyncio
import os
import socket
from contextlib import AsyncExitStack

import httpx
import structlog

from domain.topics import CLASSIFIED, RAW
from infra.backoff import Backoff
from infra.checkpoints import Checkpoints
from infra.circuits import HELPDESK, circuits_of
from infra.claims import Claims
from infra.crawl_watch import CrawlWatch
from infra.jobs import jobs_of
from infra.lifetime import work_until
from infra.limiter import Limiter
from infra.log_reader import LogReader
from infra.measured_step import MeasuredStep
from infra.mongo import Mongo
from infra.publisher import Publisher
from infra.reaper import Reaper
from infra.retrying import answered
from infra.rules import RememberingClassifier, default_classifier
from infra.run_outbox import RunOutbox
from infra.settings import Settings
from infra.settlement import Settlement
from infra.stage import Stage
from infra.startup import wait_for_engines
from streams.classifier import ClassifierStep
from streams.consumption import consume
from streams.crawl import Crawler
from streams.guarded_call import GuardedHttp
from streams.helpdesk import HelpdeskClient
from streams.ingestion import Ingestion
from streams.sync import OUTBOX_SEQUENCE, SyncStep

log = structlog.get_logger()


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Work until `stop` is set."""
    async with AsyncExitStack() as stack:
        mongo = Mongo(settings)
        stack.callback(mongo.close)
        await wait_for_engines(settings, mongo)
        publisher = Publisher(settings)
        stack.push_async_callback(publisher.stop)
        stages = {
            RAW: _classifier_stage(settings, mongo, publisher, stack),
            CLASSIFIED: _sync_stage(settings, mongo, publisher, stack),
        }
        http = httpx.AsyncClient(base_url=settings.helpdesk_url, timeout=settings.helpdesk_timeout)
        await stack.enter_async_context(http)
        ingestion = await create_ingestion(settings, mongo, publisher, http)
        reaper = Reaper(mongo, jobs_of(mongo, settings))
        work = {
            "consuming": consume(settings, stages, ingestion.wake, _say_started),
            "ingestion": ingestion.run(),
            "reaping": reaper.run(),
        }
        try:
            await work_until(stop, work)
        finally:
            log.info("worker_stopped", worker=_name())


def _say_started() -> None:
    log.info("worker_started", worker=_name())


def _classifier_stage(
    settings: Settings, mongo: Mongo, publisher: Publisher, stack: AsyncExitStack
) -> Stage:
    reader = LogReader(settings)
    stack.push_async_callback(reader.stop)
    checkpoints = Checkpoints(mongo, "classifier", RAW)
    step = ClassifierStep(
        RememberingClassifier(default_classifier()),
        checkpoints,
        publisher,
        settings.kafka_partitions,
    )
    return Stage(RAW, MeasuredStep("classifier", step), checkpoints, reader)


def _sync_stage(
    settings: Settings, mongo: Mongo, publisher: Publisher, stack: AsyncExitStack
) -> Stage:
    reader = LogReader(settings)
    stack.push_async_callback(reader.stop)
    checkpoints = Checkpoints(mongo, "sync", CLASSIFIED, fenced_extra=OUTBOX_SEQUENCE)
    step = SyncStep(mongo, checkpoints, publisher, reader, settings.kafka_partitions)
    stack.push_async_callback(step.close)
    return Stage(CLASSIFIED, MeasuredStep("sync", step), checkpoints, reader)


async def create_ingestion(
    settings: Settings, mongo: Mongo, publisher: Publisher, http: httpx.AsyncClient
) -> Ingestion:
    """The ingestion agent of one worker; it shares nothing with others but the engines."""
    jobs = jobs_of(mongo, settings)
    claims = Claims(mongo, jobs, _name())
    limiter = Limiter(
        mongo,
        HELPDESK,
        limit=settings.helpdesk_rate_limit,
        period=settings.helpdesk_rate_period,
        timeout=settings.helpdesk_timeout,
    )
    await answered(limiter.prepare, Backoff())
    crawler = Crawler(
        mongo,
        jobs,
        claims,
        publisher,
        HelpdeskClient(GuardedHttp(http, limiter, circuits_of(mongo, settings)[HELPDESK])),
        most_deleted_percent=settings.ingest_max_delete_percent,
    )
    return Ingestion(
        CrawlWatch(mongo, jobs),
        claims,
        crawler,
        RunOutbox(mongo, publisher),
        Settlement(mongo, jobs),
        publisher,
    )


def _name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
