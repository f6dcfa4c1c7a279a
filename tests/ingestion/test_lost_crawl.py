"""A crawl that is no longer its worker's calls the helpdesk no more, whoever notices it or not.

Workers watch their crawls, too; here nobody does.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import httpx
import pytest

from dev.helpdesk.faults import AnyFault, Refusal, SlowAnswer
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from domain.errors import LeaseLostError
from infra import collections
from infra.circuits import HELPDESK, circuits_of
from infra.claims import Claims
from infra.jobs import Jobs
from infra.leases import NEVER
from infra.limiter import Limiter
from infra.mongo import Document, Mongo
from infra.publisher import Publisher
from infra.run_requests import RunRequests
from infra.settings import Settings
from streams.crawl import Crawler
from streams.guarded_call import GuardedHttp
from streams.helpdesk import HelpdeskClient
from tests.integration.pipeline import eventually

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

TENANT = "lumenfold"
Sleep = Callable[[float], Awaitable[None]]


class UnwatchedWorker:
    """Crawls, and sleeps as the test says; nothing but its calls and writes can stop it."""

    def __init__(self, mongo: Mongo, jobs: Jobs, publisher: Publisher, calls: GuardedHttp) -> None:
        self._mongo = mongo
        self._jobs = jobs
        self._publisher = publisher
        self._calls = calls
        self._claims = Claims(mongo, jobs, "unwatched")

    async def claim(self, tenant_id: str) -> Document:
        """A run that was just requested."""
        await self._jobs.request(tenant_id)
        claimed = await self._claims.claim()
        assert claimed is not None
        return claimed

    async def crawl(self, job: Document, sleep: Sleep) -> None:
        """Read the helpdesk to its end."""
        client = HelpdeskClient(self._calls, sleep=sleep)
        crawler = Crawler(
            self._mongo, self._jobs, self._claims, self._publisher, client, most_deleted_percent=20
        )
        await crawler.run(job)

    async def cancel(self, job: Document) -> None:
        """End the run as an API process would."""
        await RunRequests(self._mongo, self._jobs).cancel(job["_id"])

    async def take_over(self, job: Document) -> None:
        """Let the lease expire, and another worker resume the run."""
        expired = {"$set": {"expires_at": NEVER}}
        await self._mongo[collections.LEASES].update_one({"_id": job["tenant_id"]}, expired)
        resumed = await Claims(self._mongo, self._jobs, "another").claim()
        assert resumed is not None
        assert resumed["_id"] == job["_id"]


@pytest.fixture
def helpdesk() -> Iterator[HelpdeskServer]:
    """A helpdesk of three pages."""
    with HelpdeskServer(HelpdeskSettings(tickets=300, limit=0)) as server:
        yield server


@pytest.fixture
async def worker(
    settings: Settings, mongo: Mongo, helpdesk: HelpdeskServer
) -> AsyncIterator[UnwatchedWorker]:
    """A worker of that helpdesk."""
    jobs = Jobs(mongo, lease_seconds=60, partitions=settings.kafka_partitions)
    limiter = Limiter(mongo, HELPDESK, limit=0, period=60, timeout=5)
    publisher = Publisher(settings)
    async with httpx.AsyncClient(base_url=helpdesk.url, timeout=5, trust_env=False) as http:
        calls = GuardedHttp(http, limiter, circuits_of(mongo, settings)[HELPDESK])
        yield UnwatchedWorker(mongo, jobs, publisher, calls)
    await publisher.stop()


@pytest.mark.parametrize("loss", [UnwatchedWorker.cancel, UnwatchedWorker.take_over])
@pytest.mark.parametrize(
    "fault",
    [Refusal(status=503, page=2), Refusal(status=429, retry_after="1", page=2)],
    ids=["back-off", "retry-after"],
)
async def test_a_crawl_that_is_lost_while_it_waits_calls_nobody(
    helpdesk: HelpdeskServer,
    worker: UnwatchedWorker,
    loss: Callable[[UnwatchedWorker, Document], Awaitable[None]],
    fault: AnyFault,
) -> None:
    helpdesk.install_faults([fault])
    job = await worker.claim(TENANT)
    waited = []

    async def lost_meanwhile(seconds: float) -> None:
        waited.append(seconds)
        await loss(worker, job)

    with pytest.raises(LeaseLostError):
        await worker.crawl(job, lost_meanwhile)

    assert len(waited) == 1
    assert _pages_asked(helpdesk) == [1, 2]


@pytest.mark.parametrize("loss", [UnwatchedWorker.cancel, UnwatchedWorker.take_over])
async def test_a_crawl_that_was_lost_before_its_first_call_makes_none(
    helpdesk: HelpdeskServer,
    worker: UnwatchedWorker,
    loss: Callable[[UnwatchedWorker, Document], Awaitable[None]],
) -> None:
    job = await worker.claim(TENANT)
    await loss(worker, job)

    async def never(seconds: float) -> None:
        pytest.fail(f"there is nothing to wait {seconds} s for")

    with pytest.raises(LeaseLostError):
        await worker.crawl(job, never)

    assert helpdesk.requests("/external") == []


@pytest.mark.parametrize("loss", [UnwatchedWorker.cancel, UnwatchedWorker.take_over])
async def test_a_page_that_comes_after_the_loss_is_kept_by_nobody(
    helpdesk: HelpdeskServer,
    worker: UnwatchedWorker,
    mongo: Mongo,
    loss: Callable[[UnwatchedWorker, Document], Awaitable[None]],
) -> None:
    helpdesk.install_faults([SlowAnswer(seconds=1.0, page=2)])
    job = await worker.claim(TENANT)
    jobs = mongo[collections.JOBS]

    crawling = asyncio.create_task(worker.crawl(dict(job), asyncio.sleep))
    await eventually(
        lambda: asyncio.to_thread(_pages_asked, helpdesk), lambda pages: pages == [1, 2]
    )
    await eventually(lambda: jobs.count_documents({"_id": job["_id"], "pages_done": 1}), bool)
    await loss(worker, job)
    before = await _stored(mongo)
    with pytest.raises(LeaseLostError):
        await crawling

    assert await _stored(mongo) == before
    assert _pages_asked(helpdesk) == [1, 2]


async def _stored(mongo: Mongo) -> list[Document]:
    """All that crawls write: their jobs, what they saw, what is to be published."""
    names = (collections.JOBS, collections.CRAWL_SIGHTINGS, collections.CRAWL_OUTBOX)
    return [found for name in names async for found in mongo[name].find().sort("_id", 1)]


def _pages_asked(helpdesk: HelpdeskServer) -> list[int]:
    queries = (httpx.QueryParams(call.query) for call in helpdesk.requests("/external"))
    return [int(query["page"]) for query in queries]
