"""The ingestion agent: claims crawls, keeps their leases, and finishes what dead workers left."""

import asyncio
from functools import partial
from typing import Any, NamedTuple

import structlog
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from domain.errors import LeaseLostError, TenantBusyError
from infra.backoff import Backoff
from infra.claims import Claims
from infra.crawl_watch import Claim, CrawlWatch
from infra.mongo import Document
from infra.publisher import Publisher
from infra.retrying import answered
from infra.run_outbox import RunOutbox
from infra.settlement import Settlement
from infra.telemetry import about_run
from infra.tracing import run_span
from streams.crawl import Crawler

log = structlog.get_logger()

_POLL_SECONDS = 1.0
_WATCH_SECONDS = 0.5
_MOST_CRAWLS = 8


class _UnderWay(NamedTuple):
    """A crawl's task, and why it is to stop, once that is known."""

    task: asyncio.Task[None]
    loss: asyncio.Future[str]


class Ingestion:
    """Runs up to 8 crawls of this process at once, each with its heartbeat.

    Those that wait keep their leases as long as any worker lives.
    """

    def __init__(
        self,
        watch: CrawlWatch,
        claims: Claims,
        crawler: Crawler,
        outbox: RunOutbox,
        settlement: Settlement,
        publisher: Publisher,
    ) -> None:
        self._crawl_watch = watch
        self._claims = claims
        self._crawler = crawler
        self._outbox = outbox
        self._settlement = settlement
        self._publisher = publisher
        self._wake = asyncio.Event()
        self._crawls: dict[Claim, _UnderWay] = {}

    def wake(self) -> None:
        """Look for queued jobs now."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; then give back what is under way."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._work())
                tasks.create_task(self._watch())
                tasks.create_task(self._keep_queue())
        finally:
            await self._stop_crawls()

    async def _work(self) -> None:
        backoff = Backoff()
        while True:
            try:
                await self._round()
                backoff.reset()
            except (PyMongoError, KafkaError) as error:
                log.warning("ingestion_delayed", reason=repr(error))
                await backoff.sleep()
            await self._pause()

    async def _round(self) -> None:
        while len(self._crawls) < _MOST_CRAWLS and (job := await self._claims.claim()):
            loss: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(self._crawl(job, loss))
            self._crawls[Claim(job["_id"], job["token"])] = _UnderWay(task, loss)
        for crawl_id in await self._outbox.crawls():
            is_own = any(claim.crawl_id == crawl_id for claim in self._crawls)
            if not is_own and await self._claims.is_settled(crawl_id):
                await self._outbox.publish_leftovers(crawl_id)
        await self._settlement.close_applied()
        await self._settlement.publish_audits(self._publisher)

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), _POLL_SECONDS)
        except TimeoutError:
            return
        finally:
            self._wake.clear()

    async def _watch(self) -> None:
        """Stop crawls that were cancelled or taken over, also those that sleep."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            try:
                losses = await self._crawl_watch.losses(self._crawls)
            except PyMongoError as error:
                log.warning("watch_delayed", reason=repr(error))
                continue
            for claim, reason in losses.items():
                crawl = self._crawls.get(claim)
                if crawl is not None and not crawl.loss.done():
                    crawl.loss.set_result(reason)

    async def _keep_queue(self) -> None:
        """Keep the leases of queued crawls, or another run of their tenant would interrupt them."""
        while True:
            try:
                await self._crawl_watch.keep_queued()
            except PyMongoError as error:
                log.warning("queue_delayed", reason=repr(error))
            await asyncio.sleep(self._crawl_watch.beat_seconds)

    async def _crawl(self, job: Document, loss: asyncio.Future[str]) -> None:
        with about_run(job):
            await self._watched(job, loss)

    async def _watched(self, job: Document, loss: asyncio.Future[str]) -> None:
        log.info("crawl_began", tenant_id=job["tenant_id"], page=job["next_page"])
        crawling = asyncio.create_task(self._persist(job))
        beating = asyncio.create_task(self._keep_lease(job))
        try:
            watched: set[asyncio.Future[Any]] = {crawling, beating, loss}
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            for task in (crawling, beating):
                if task.done():
                    task.result()
            if loss.done():
                raise LeaseLostError(job["_id"], loss.result())
        except LeaseLostError as error:
            log.warning("crawl_lost", job_id=job["_id"], reason=str(error))
        finally:
            await _cancelled(crawling, beating)
            del self._crawls[Claim(job["_id"], job["token"])]
            self.wake()

    async def _persist(self, job: Document) -> None:
        """Crawl to the end, whatever is down meanwhile, from where the job stands each time."""
        backoff = Backoff()
        mine = job
        while True:
            try:
                with run_span(mine):
                    await self._crawler.run(mine)
            except (PyMongoError, KafkaError, TenantBusyError) as error:
                log.warning("crawl_delayed", job_id=job["_id"], reason=repr(error))
                await backoff.sleep()
                mine = await answered(partial(self._claims.reload, job), backoff)
            else:
                return

    async def _keep_lease(self, job: Document) -> None:
        while True:
            await asyncio.sleep(self._crawl_watch.beat_seconds)
            try:
                await self._claims.heartbeat(job)
            except PyMongoError as error:
                log.warning("heartbeat_delayed", job_id=job["_id"], reason=repr(error))

    async def _stop_crawls(self) -> None:
        under_way = dict(self._crawls)
        await _cancelled(*(crawl.task for crawl in under_way.values()))
        try:
            lost = await self._crawl_watch.losses(under_way)
            for claim in under_way.keys() - lost.keys():
                await self._claims.give_back(claim.crawl_id)
        except PyMongoError as error:
            log.warning("leases_not_given_back", crawls=len(under_way), reason=repr(error))


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
