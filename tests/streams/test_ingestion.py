"""Crawls of a worker: noticed at once when they are lost, kept while they wait, handed on."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from aiokafka import TopicPartition
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.testing import capture_logs

from dev.helpdesk.faults import Refusal, SlowAnswer
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from domain.errors import TenantBusyError
from domain.topics import RAW
from infra import collections
from infra.jobs import Jobs, jobs_of
from infra.kafka import Outgoing, plain_consumer
from infra.mongo import Mongo
from infra.publisher import Publisher
from infra.run_requests import RunRequest, RunRequests
from infra.settings import Settings
from streams.worker import create_ingestion
from tests.integration.pipeline import eventually

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

TENANT = "lumenfold"


class SlowPublisher(Publisher):
    """Takes its time with `tickets.raw`, so that what is stored is not yet published."""

    async def publish(
        self, topic: str, records: Mapping[int, Sequence[Outgoing]]
    ) -> dict[int, int]:
        """Wait, then write."""
        if topic == RAW:
            await asyncio.sleep(0.7)
        return await super().publish(topic, records)


class Workers:
    """The ingestion agents of several workers, each with connections of its own."""

    def __init__(self, settings: Settings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._tasks: list[asyncio.Task[None]] = []

    async def start(
        self, publisher: Callable[[Settings], Publisher] = Publisher
    ) -> asyncio.Task[None]:
        """Start one more; cancelled, it stops as SIGTERM stops it."""
        mongo = Mongo(self._settings)
        self._stack.callback(mongo.close)
        writer = publisher(self._settings)
        self._stack.push_async_callback(writer.stop)
        http = httpx.AsyncClient(base_url=self._settings.helpdesk_url, timeout=10)
        await self._stack.enter_async_context(http)
        agent = await create_ingestion(self._settings, mongo, writer, http)
        task = asyncio.create_task(agent.run())
        self._stack.push_async_callback(stopped, task)
        return task


async def stopped(task: asyncio.Task[None]) -> None:
    """Cancel a worker's agent and wait for its end."""
    task.cancel()
    await asyncio.wait([task])


@pytest.fixture
def helpdesk() -> Any:
    with HelpdeskServer(HelpdeskSettings(tickets=1200, limit=0)) as server:
        yield server


@pytest.fixture
def settings(settings: Settings, helpdesk: HelpdeskServer) -> Settings:
    return settings.model_copy(update={"helpdesk_url": helpdesk.url, "lease_seconds": 60.0})


@pytest.fixture
async def workers(settings: Settings, mongo: Mongo) -> AsyncIterator[Workers]:
    async with AsyncExitStack() as stack:
        yield Workers(settings, stack)


async def until(jobs: Jobs, job_id: str, **fields: Any) -> dict[str, Any]:
    """The job once these fields have reached these values."""
    job: dict[str, Any] = await eventually(
        lambda: jobs.find(job_id), lambda job: all(job[name] == fields[name] for name in fields)
    )
    return job


async def raw(settings: Settings) -> list[list[dict[str, Any]]]:
    """The envelopes on each partition of `tickets.raw`, in order."""
    consumer = plain_consumer(settings)
    await consumer.start()
    try:
        found = []
        for partition in range(settings.kafka_partitions):
            place = TopicPartition(settings.topic(RAW), partition)
            end = (await consumer.end_offsets([place]))[place]
            consumer.assign([place])
            consumer.seek(place, 0)
            envelopes: list[dict[str, Any]] = []
            while await consumer.position(place) < end:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    envelopes += [json.loads(record.value) for record in records]
            found.append(envelopes)
        return found
    finally:
        await consumer.stop()


async def test_a_crawl_that_sleeps_notices_its_end_within_a_second(
    workers: Workers, helpdesk: HelpdeskServer, mongo: Mongo, settings: Settings
) -> None:
    helpdesk.install_faults([Refusal(status=429, retry_after="60", page=2, times=None)])
    jobs = jobs_of(mongo, settings)
    await workers.start()
    job_id = (await jobs.request(TENANT))["_id"]
    await eventually(lambda: asyncio.to_thread(helpdesk.faults_fired), lambda fired: fired[0] > 0)
    begun = asyncio.get_running_loop().time()

    await RunRequests(mongo, jobs).cancel(job_id)
    rows = mongo[collections.CRAWL_OUTBOX]
    await eventually(lambda: rows.count_documents({"crawl_id": job_id}), lambda left: left == 0)

    assert asyncio.get_running_loop().time() - begun < 3
    assert (await jobs.find(job_id))["outcome"] == "CANCELLED"
    marker = {envelopes[-1]["type"] for envelopes in await raw(settings)}
    assert marker == {"run.ended"}


async def test_what_was_stored_of_a_cancelled_crawl_is_published_before_its_markers(
    workers: Workers, mongo: Mongo, settings: Settings
) -> None:
    """Two workers: one is in the middle of publishing a page, the other finds the leftovers."""
    jobs = jobs_of(mongo, settings)
    await workers.start(SlowPublisher)
    job_id = (await jobs.request(TENANT))["_id"]
    await until(jobs, job_id, pages_done=3)
    await workers.start()

    await RunRequests(mongo, jobs).cancel(job_id)
    rows = mongo[collections.CRAWL_OUTBOX]
    await eventually(lambda: rows.count_documents({"crawl_id": job_id}), lambda left: left == 0)

    job = await jobs.find(job_id)
    published = await raw(settings)
    for partition, envelopes in enumerate(published):
        ended = [n for n, envelope in enumerate(envelopes) if envelope["type"] == "run.ended"]
        before = {envelope["id"] for envelope in envelopes[: ended[0]]}
        later = {e["id"] for e in envelopes[ended[0] :] if e["type"] != "run.ended"}
        assert len(before) == job["sent"][partition] == envelopes[ended[0]]["data"]["records"]
        assert later <= before
    assert job["pages_done"] >= 3


async def test_crawls_that_wait_keep_their_tenants(
    workers: Workers, helpdesk: HelpdeskServer, mongo: Mongo, settings: Settings
) -> None:
    helpdesk.install_faults([Refusal(status=429, retry_after="60", times=None)])
    short = settings.model_copy(update={"lease_seconds": 1.5})
    workers = Workers(short, workers._stack)
    jobs = jobs_of(mongo, short)
    ids = [(await jobs.request(f"t-{n}"))["_id"] for n in range(10)]
    await workers.start()
    wanted = {"phase": "fetching"}
    count = mongo[collections.JOBS].count_documents
    await eventually(lambda: count(wanted), lambda fetching: fetching == 8)

    await asyncio.sleep(2 * short.lease_seconds)

    for n, job_id in enumerate(ids):
        with pytest.raises(TenantBusyError, match=job_id):
            await jobs.request(f"t-{n}")
    phases = [job["phase"] async for job in mongo[collections.JOBS].find().sort("requested_at")]
    assert phases == ["fetching"] * 8 + ["queued"] * 2


async def test_a_worker_that_stops_hands_its_crawls_on_at_once(
    workers: Workers, helpdesk: HelpdeskServer, mongo: Mongo, settings: Settings
) -> None:
    helpdesk.install_faults([SlowAnswer(seconds=0.3, times=None)])
    jobs = jobs_of(mongo, settings)
    first = await workers.start()
    job_id = (await jobs.request(TENANT))["_id"]
    await until(jobs, job_id, pages_done=3)
    await workers.start()

    await stopped(first)
    begun = asyncio.get_running_loop().time()
    job = await until(jobs, job_id, token=2)
    resumed_after = asyncio.get_running_loop().time() - begun
    job = await until(jobs, job_id, phase="applying")

    assert resumed_after < 2
    assert (job["outcome"], job["pages_done"], job["resumes"]) == ("SUCCESS", 12, 0)
    asked = [record.query for record in helpdesk.requests("/external/support-tickets")]
    assert [sum(f"page={page}&" in query for query in asked) for page in (1, 2, 3)] == [1, 1, 1]


async def test_log_lines_about_a_run_name_the_request_that_asked_for_it(
    workers: Workers, mongo: Mongo, settings: Settings
) -> None:
    jobs = jobs_of(mongo, settings)
    with bound_contextvars(request_id="shift-7.42"):
        requested = await RunRequests(mongo, jobs).start(RunRequest(TENANT))
    job_id = requested.job["_id"]

    with capture_logs([merge_contextvars]) as lines:
        await workers.start()
        await until(jobs, job_id, phase="applying")
        await eventually(_said(lines, "crawl_ended"), bool)

    about = [line for line in lines if line.get("job_id") == job_id]
    assert {"crawl_began", "crawl_ended"} <= {line["event"] for line in about}
    assert {line["request_id"] for line in about} == {"shift-7.42"}


def _said(lines: Sequence[Mapping[str, Any]], event: str) -> Callable[[], Awaitable[bool]]:
    async def said() -> bool:
        return any(line["event"] == event for line in lines)

    return said
