"""One crawl: pages in, records out, each page stored before it is published."""

import asyncio
from datetime import UTC, datetime
from functools import partial

import structlog

from domain.errors import HelpdeskError, LeaseLostError
from domain.pages import Page
from domain.records import RunOutcome
from domain.sightings import Sightings, row_mark
from domain.sweeps import PAGE_SIZE, Position, onward
from infra import crash_points, dead_letters
from infra.claims import Claims
from infra.conclusions import Conclusions
from infra.jobs import Jobs
from infra.mongo import Document, Mongo, Session
from infra.owners import Owners, crawl_owner
from infra.page_store import store_patiently
from infra.process_metrics import CRAWL_PAGES, CRAWL_ROWS
from infra.publisher import Publisher
from infra.retrying import in_transaction
from infra.run_outbox import RunOutbox
from infra.sightings import CrawlSightings
from infra.stored_pages import StoredPage, position_fields, position_of
from infra.tracing import span
from streams.helpdesk import HelpdeskCalls, HelpdeskClient
from streams.outflow import Outflow
from streams.reconciliation import Reconciliation
from streams.routing import CrawlPlace, route
from streams.tenants import TenantRuns

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
        most_deleted_percent: float,
    ) -> None:
        self._mongo = mongo
        self._jobs = jobs
        self._claims = claims
        self._publisher = publisher
        self._outbox = RunOutbox(mongo, publisher)
        self._helpdesk = helpdesk
        self._sightings = CrawlSightings(mongo)
        self._tenants = TenantRuns(mongo, jobs)
        self._conclusions = Conclusions(mongo, claims)
        self._reconciliation = Reconciliation(
            mongo,
            self._conclusions,
            self._outbox,
            source=helpdesk.source,
            most_percent=most_deleted_percent,
        )

    async def run(self, job: Document) -> None:
        """Crawl from where the job stands to its end; publish what is left of it first.

        Raises:
            LeaseLostError: the run is no longer ours.
        """
        outcome: RunOutcome = "SUCCESS"
        errors: list[str] = []
        async with await self._mongo.start_session() as session:
            await Owners(self._mongo).take([crawl_owner(job["_id"])], session)
            await self._outbox.publish_leftovers(job["_id"])
            try:
                await self._crawl(job, session)
            except HelpdeskError as error:
                outcome, errors = "FAILED", [error.reason]
        if not await self._claims.settle(job, outcome, errors):
            raise LeaseLostError(job["_id"])
        crash_points.reached("run_settled")
        await self._outbox.publish_leftovers(job["_id"])
        await self._sightings.forget(job["_id"])
        log.info("crawl_ended", job_id=job["_id"], outcome=outcome, errors=errors)

    async def _crawl(self, job: Document, session: Session) -> None:
        calls = self._helpdesk.calls(job["_id"], partial(self._claims.check, job))
        seen = await self._sightings.load(job["_id"])
        position = await self._fetch_all(job, calls, seen, session)
        if missing := position.missing(len(seen)):
            warning = (
                f"the helpdesk counts {position.total} tickets, but {missing} of them were not on"
                f" its pages, read {position.sweep} times: nothing was deleted"
            )
            fall_short = partial(self._conclusions.fall_short, job, warning)
            await in_transaction(self._mongo, fall_short)
        else:
            await self._reconciliation.run(job, seen, calls)

    async def _fetch_all(
        self, job: Document, calls: HelpdeskCalls, seen: Sightings, session: Session
    ) -> Position:
        """Read and keep every page; that before goes out and the next comes meanwhile."""
        position = position_of(job)
        number = position.next_page
        if number is None:
            return position
        published: list[str] = []
        fetching = asyncio.create_task(calls.page(number))
        try:
            async with Outflow.open(self._outbox, job["_id"]) as outflow:
                while number is not None:
                    fetched = await fetching
                    crash_points.reached("after_fetch")
                    marks = [mark for row in fetched.rows if seen.add(mark := row_mark(row))]
                    position = _onward(position, fetched, len(seen))
                    number = position.next_page
                    if number is not None:
                        fetching = asyncio.create_task(calls.page(number))
                    with span("keep page", page=job["next_page"], rows=len(fetched.rows)):
                        stored = await self._routed(job, fetched, position, marks)
                        await self._store(job, stored, published, session)
                        published = await outflow.begin(stored)
                published += await outflow.ended()
            await self._outbox.delete(published)
        finally:
            fetching.cancel()
        return position

    async def _routed(
        self, job: Document, fetched: Page, following: Position, marks: list[int]
    ) -> StoredPage:
        """The page as it is stored; rows that are refused are dead letters before."""
        place = CrawlPlace(
            job["_id"], job["sequence"], self._helpdesk.source, self._jobs.partitions
        )
        targets = await self._tenants.of(job, fetched.rows)
        routed = route(fetched.rows, place, targets, datetime.now(UTC))
        await dead_letters.send(self._publisher, routed.refused, self._jobs.partitions)
        return StoredPage(
            sequence=job["sequence"] + len(fetched.rows),
            page=job["next_page"],
            rows=routed.rows,
            counts=routed.counts,
            position=following,
            pages_total=_pages_total(job, following),
            marks=marks,
        )

    async def _store(
        self, job: Document, stored: StoredPage, published: list[str], session: Session
    ) -> None:
        """Store one page; forget the outbox documents that were published."""
        await store_patiently(self._claims, job, stored, published, session)
        crash_points.reached("page_stored")
        job |= {**position_fields(stored.position), "sequence": stored.sequence}
        job["pages_done"] += 1
        CRAWL_PAGES.inc()
        CRAWL_ROWS.inc(len(stored.rows))


def _onward(position: Position, fetched: Page, distinct: int) -> Position:
    number = position.next_page
    if number is not None and fetched.next_page is not None and fetched.next_page <= number:
        reason = f"page {number} is followed by page {fetched.next_page}: pages repeat"
        raise HelpdeskError(reason, retryable=False)
    return onward(position, fetched.next_page, fetched.total_count, distinct)


def _pages_total(job: Document, following: Position) -> int:
    """How many pages the crawl reads, as far as can be told, this one included."""
    done: int = job["pages_done"] + 1
    if following.next_page is None:
        return done
    expected = -(-(following.total or 0) // PAGE_SIZE)
    return done + max(1, expected - following.next_page + 1)
