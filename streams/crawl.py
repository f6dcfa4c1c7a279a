"""One crawl: pages in, records out, each page stored before it is published."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import structlog
from pymongo.errors import PyMongoError

from domain.errors import HelpdeskError, LeaseLostError
from domain.records import RunOutcome
from domain.runs import ALL_TENANTS
from infra import crash_points, dead_letters
from infra.backoff import Backoff
from infra.claims import Claims, StoredPage
from infra.jobs import Jobs
from infra.mongo import Document, Mongo, Session
from infra.owners import Owners
from infra.publisher import Publisher
from infra.retrying import in_transaction, retried
from infra.run_outbox import RunOutbox, page
from streams.helpdesk import HelpdeskClient, Page
from streams.routing import CrawlPlace, route, tenants_of

log = structlog.get_logger()


class Crawler:
    """Runs crawls that this worker claimed, until they are settled or lost."""

    def __init__(
        self,
        mongo: Mongo,
        jobs: Jobs,
        claims: Claims,
        publisher: Publisher,
        helpdesk: HelpdeskClient,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._mongo = mongo
        self._jobs = jobs
        self._claims = claims
        self._publisher = publisher
        self._outbox = RunOutbox(mongo, publisher)
        self._helpdesk = helpdesk
        self._now = now

    async def run(self, job: Document) -> None:
        """Crawl from where the job stands to its end; publish what is left of it first.

        Raises:
            LeaseLostError: the run is no longer ours.
        """
        async with await self._mongo.start_session() as session:
            await Owners(self._mongo).take([f"crawl:{job['_id']}"], session)
            await self._outbox.publish_leftovers(job["_id"])
            outcome: RunOutcome = "SUCCESS"
            errors: list[str] = []
            try:
                await self._fetch_all(job, session)
            except HelpdeskError as error:
                outcome, errors = "FAILED", [error.reason]
        if not await self._claims.settle(job, outcome, errors):
            raise LeaseLostError(job["_id"])
        crash_points.reached("run_settled")
        await self._outbox.publish_leftovers(job["_id"])
        log.info("crawl_ended", job_id=job["_id"], outcome=outcome, errors=errors)

    async def _fetch_all(self, job: Document, session: Session) -> None:
        number: int | None = job["next_page"]
        if number is None:
            return
        published: list[str] = []
        fetching = asyncio.create_task(self._helpdesk.page(number))
        try:
            while number is not None:
                fetched = await fetching
                crash_points.reached("after_fetch")
                following = _following(fetched, number)
                if following is not None:
                    fetching = asyncio.create_task(self._helpdesk.page(following))
                published = await self._keep(job, number, fetched, published, session)
                number = following
            await self._outbox.delete(published)
        finally:
            fetching.cancel()

    async def _keep(
        self, job: Document, number: int, fetched: Page, published: list[str], session: Session
    ) -> list[str]:
        """Store one page, then publish it; return the outbox documents that are acknowledged."""
        targets = await self._targets(job, fetched)
        place = CrawlPlace(
            job["_id"], number, job["sequence"], self._helpdesk.source, self._jobs.partitions
        )
        routed = route(fetched.rows, place, targets, self._now())
        await dead_letters.send(self._publisher, routed.refused, self._jobs.partitions)
        stored = StoredPage(
            sequence=job["sequence"] + len(fetched.rows),
            page=number,
            rows=routed.rows,
            counts=routed.counts,
            next_page=_following(fetched, number),
            pages_total=_pages_total(fetched, number),
        )
        await self._store(job, stored, published, session)
        crash_points.reached("page_stored")
        job["sequence"] = stored.sequence
        if not stored.rows:
            return []
        documents = page(job["_id"], stored.sequence, stored.rows)
        for document in documents:
            await self._outbox.publish(document)
        crash_points.reached("page_published")
        return [str(document["_id"]) for document in documents]

    async def _store(
        self, job: Document, stored: StoredPage, published: list[str], session: Session
    ) -> None:
        backoff = Backoff()
        while True:
            try:
                await retried(session, partial(self._claims.save_page, job, stored, published))
            except PyMongoError as error:
                log.warning("page_delayed", job_id=job["_id"], reason=repr(error))
                await backoff.sleep()
                if await self._is_stored(job, stored, backoff):
                    return
            else:
                return

    async def _is_stored(self, job: Document, stored: StoredPage, backoff: Backoff) -> bool:
        """Whether a commit that nobody answered took place after all."""
        while True:
            try:
                return await self._claims.has_page(job, stored)
            except PyMongoError:
                await backoff.sleep()

    async def _targets(self, job: Document, fetched: Page) -> dict[str, str]:
        """The run of each tenant of this crawl; `*` takes in tenants that it meets on its way."""
        if job["tenant_id"] != ALL_TENANTS:
            return {job["tenant_id"]: job["_id"]}
        for tenant_id in sorted(tenants_of(fetched.rows) - set(job["jobs"])):
            if tenant_id in job.setdefault("skipped", set()):
                continue
            await self._jobs.leases.prepare(tenant_id)
            child = await in_transaction(
                self._mongo, partial(self._jobs.join, job["_id"], tenant_id)
            )
            if child is None:
                job["skipped"].add(tenant_id)
                log.warning("tenant_skipped", job_id=job["_id"], tenant_id=tenant_id)
            else:
                job["jobs"][tenant_id] = child
        return dict(job["jobs"])


def _following(fetched: Page, number: int) -> int | None:
    if fetched.next_page is not None and fetched.next_page <= number:
        reason = f"page {number} is followed by page {fetched.next_page}: pages repeat"
        raise HelpdeskError(reason, retryable=False)
    return fetched.next_page


def _pages_total(fetched: Page, number: int) -> int:
    expected = -(-fetched.total_count // max(len(fetched.rows), 1)) if fetched.next_page else 0
    return max(expected, number)
