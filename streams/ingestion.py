"""The ingestion agent: claims crawls, keeps their leases, and finishes what dead workers left."""

import asyncio

import structlog
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from domain.errors import LeaseLostError
from infra.backoff import Backoff
from infra.claims import Claims
from infra.mongo import Document
from infra.publisher import Publisher
from infra.run_outbox import RunOutbox
from infra.settlement import Settlement
from streams.crawl import Crawler

log = structlog.get_logger()

_POLL_SECONDS = 1.0
_MOST_CRAWLS = 8


class Ingestion:
    """Runs up to 8 crawls of this process at once, each with its heartbeat."""

    def __init__(
        self,
        claims: Claims,
        crawler: Crawler,
        outbox: RunOutbox,
        settlement: Settlement,
        publisher: Publisher,
        *,
        lease_seconds: float,
    ) -> None:
        self._claims = claims
        self._crawler = crawler
        self._outbox = outbox
        self._settlement = settlement
        self._publisher = publisher
        self._beat = lease_seconds / 3
        self._wake = asyncio.Event()
        self._crawls: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Look for queued jobs now."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; then give back what is under way."""
        backoff = Backoff()
        try:
            while True:
                try:
                    await self._round()
                    backoff.reset()
                except (PyMongoError, KafkaError) as error:
                    log.warning("ingestion_delayed", reason=repr(error))
                    await backoff.sleep()
                await self._pause()
        finally:
            await self._stop_crawls()

    async def _round(self) -> None:
        while len(self._crawls) < _MOST_CRAWLS and (job := await self._claims.claim()):
            self._crawls[job["_id"]] = asyncio.create_task(self._crawl(job))
        for crawl_id in await self._outbox.crawls():
            if crawl_id not in self._crawls and await self._claims.is_settled(crawl_id):
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

    async def _crawl(self, job: Document) -> None:
        log.info(
            "crawl_began", job_id=job["_id"], tenant_id=job["tenant_id"], page=job["next_page"]
        )
        crawling = asyncio.create_task(self._crawler.run(job))
        beating = asyncio.create_task(self._keep_lease(job))
        try:
            await asyncio.wait({crawling, beating}, return_when=asyncio.FIRST_COMPLETED)
            for task in (crawling, beating):
                if task.done():
                    task.result()
        except LeaseLostError as error:
            log.warning("crawl_lost", job_id=job["_id"], reason=str(error))
        except (PyMongoError, KafkaError) as error:
            # The lease runs out, and whoever can reach everything resumes from the last page.
            log.warning("crawl_abandoned", job_id=job["_id"], reason=repr(error))
        finally:
            await _cancelled(crawling, beating)
            del self._crawls[job["_id"]]
            self.wake()

    async def _keep_lease(self, job: Document) -> None:
        while True:
            await asyncio.sleep(self._beat)
            try:
                await self._claims.heartbeat(job)
            except PyMongoError as error:
                log.warning("heartbeat_delayed", job_id=job["_id"], reason=repr(error))

    async def _stop_crawls(self) -> None:
        under_way = list(self._crawls)
        await _cancelled(*self._crawls.values())
        for job_id in under_way:
            try:
                await self._claims.give_back(job_id)
            except PyMongoError as error:
                log.warning("lease_not_given_back", job_id=job_id, reason=repr(error))


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
