"""A worker's side of a crawl: claiming it, storing its pages, and noticing that it was lost."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from domain.errors import LeaseLostError
from domain.records import RunOutcome
from infra import collections, crash_points
from infra.job_documents import IS_OPEN, with_defaults
from infra.jobs import Jobs
from infra.leases import WITH_LEASE
from infra.mongo import Document, Mongo, Session
from infra.owners import Owners, crawl_owner
from infra.retrying import in_transaction
from infra.run_outbox import page
from infra.sightings import CrawlSightings
from infra.stored_pages import StoredPage, fetch_percent, position_fields

_MOST_RESUMES: Final = 3
_CANDIDATES: Final = 50
# Crawls that nobody works on, the longest waiting first.
_WAITING: Final[list[dict[str, Any]]] = [
    {"$match": {**IS_OPEN, "parent_id": None}},
    *WITH_LEASE,
    {"$set": {"is_late": {"$lte": ["$lease.expires_at", "$$NOW"]}}},
    {"$match": {"$or": [{"phase": "queued"}, {"is_late": True}]}},
    {"$sort": {"requested_at": 1}},
    {"$limit": _CANDIDATES},
    {"$project": {"phase": 1}},
]


class Claims:
    """The crawls that this worker runs; every write is fenced by the job's token."""

    def __init__(self, mongo: Mongo, jobs: Jobs, worker: str) -> None:
        self._mongo = mongo
        self._jobs = jobs
        self._documents = mongo[collections.JOBS]
        self._outbox = mongo[collections.CRAWL_OUTBOX]
        self._sightings = CrawlSightings(mongo)
        self._owners = Owners(mongo)
        self._worker = worker

    async def claim(self) -> Document | None:
        """Take one crawl that is queued, or whose worker let its lease expire; None if none is."""
        async for job in self._documents.aggregate(_WAITING):
            if job["phase"] == "fetching":
                # Its worker may have died in a transaction on what is changed here.
                await self._owners.end(crawl_owner(job["_id"]))
            claimed = await in_transaction(self._mongo, partial(self._claim, job["_id"]))
            if claimed is not None:
                return claimed
        return None

    async def save_page(
        self, job: Document, stored: StoredPage, published: Iterable[str], session: Session
    ) -> None:
        """Store a page with its position and counters; forget what was `published`.

        Raises:
            LeaseLostError: the run is no longer ours; nothing was stored.
        """
        await self._count(job, stored, session)
        crash_points.reached("page_counted")
        await self._sightings.save(job["_id"], stored.sequence, stored.marks, session)
        if stored.rows:
            documents = page(job["_id"], stored.sequence, stored.rows)
            await self._outbox.insert_many(documents, session=session)
        if gone := list(published):
            await self._outbox.delete_many({"_id": {"$in": gone}}, session=session)

    async def has_page(self, job: Document, stored: StoredPage) -> bool:
        """True if the run already stands right after this page."""
        after = {"next_page": stored.position.next_page, "sequence": stored.sequence}
        mine = {"_id": job["_id"], "token": job["token"], **after}
        return await self._documents.find_one(mine, {"_id": 1}) is not None

    async def settle(self, job: Document, outcome: RunOutcome, errors: Iterable[str]) -> bool:
        """End a crawl of ours.  False if somebody else did."""

        async def end(session: Session) -> bool:
            mine = {"_id": job["_id"], "token": job["token"]}
            if await self._documents.find_one(mine, session=session) is None:
                return False
            return await self._jobs.settle(job["_id"], outcome, errors, session)

        return await in_transaction(self._mongo, end)

    async def check(self, job: Document) -> None:
        """Return if the crawl is still ours to go on with.

        Raises:
            LeaseLostError: it was cancelled, interrupted, or taken over.
        """
        if await self._documents.find_one(_mine(job), {"_id": 1}) is None:
            raise LeaseLostError(job["_id"])

    async def reload(self, job: Document) -> Document:
        """The crawl's document as it is now.

        Raises:
            LeaseLostError: it is no longer ours.
        """
        if (found := await self._documents.find_one(_mine(job))) is None:
            raise LeaseLostError(job["_id"])
        return with_defaults(found)

    async def advance(self, job: Document, update: Mapping[str, Any], session: Session) -> None:
        """Change the crawl's document, if it is still ours.

        Raises:
            LeaseLostError: it is not.
        """
        result = await self._documents.update_one(_mine(job), update, session=session)
        if not result.matched_count:
            raise LeaseLostError(job["_id"])

    async def heartbeat(self, job: Document) -> None:
        """Renew the crawl's leases.

        Raises:
            LeaseLostError: it holds none any more.
        """
        await self.check(job)
        if not await self._jobs.leases.renew(job["_id"], self._worker):
            raise LeaseLostError(job["_id"])

    async def give_back(self, crawl_id: str) -> None:
        """Let another worker resume the crawl at once."""
        await self._jobs.leases.give_back(crawl_id)

    async def is_settled(self, crawl_id: str) -> bool:
        """True if the crawl fetches nothing any more."""
        return await self._documents.find_one({"_id": crawl_id, **IS_OPEN}, {"_id": 1}) is None

    async def _claim(self, job_id: str, session: Session) -> Document | None:
        job = await self._documents.find_one({"_id": job_id, **IS_OPEN}, session=session)
        if job is None:
            return None
        resumed = job["phase"] == "fetching"
        if resumed and not await self._jobs.leases.is_expired(job["tenant_id"], session):
            return None
        if resumed and job["resumes"] >= _MOST_RESUMES:
            reason = f"resumed {_MOST_RESUMES} times without a new page"
            await self._jobs.settle(job_id, "INTERRUPTED", [reason], session)
            return None
        if not await self._jobs.leases.take_over(job_id, session):
            await self._jobs.settle(job_id, "INTERRUPTED", ["its lease was lost"], session)
            return None
        return await self._begin(job, resumed, session)

    async def _begin(self, job: Document, resumed: bool, session: Session) -> Document:
        begun = {
            "phase": "fetching",
            "worker": self._worker,
            "token": job["token"] + 1,
            "resumes": job["resumes"] + resumed,
            "started_at": job["started_at"] or datetime.now(UTC),
        }
        await self._documents.update_one({"_id": job["_id"]}, {"$set": begun}, session=session)
        await self._documents.update_many(
            {"parent_id": job["_id"], "phase": "queued"},
            {"$set": {"phase": "fetching", "started_at": begun["started_at"]}},
            session=session,
        )
        return with_defaults(job) | begun

    async def _count(self, job: Document, stored: StoredPage, session: Session) -> None:
        position = {
            **position_fields(stored.position),
            "sequence": stored.sequence,
            "pages_total": stored.pages_total,
            "resumes": 0,
        }
        for job_id, counts in stored.counts.items():
            wanted: dict[str, Any] = {"_id": job_id, "phase": "fetching"}
            update: dict[str, Any] = {"$inc": counts.update() | {"pages_done": 1}}
            if job_id == job["_id"]:
                wanted |= {"token": job["token"], "next_page": stored.page}
                update["$set"] = position
                update["$max"] = {"fetch_percent": fetch_percent(stored)}
            result = await self._documents.update_one(wanted, update, session=session)
            if not result.matched_count:
                raise LeaseLostError(job_id)


def _mine(job: Document) -> Document:
    return {"_id": job["_id"], "token": job["token"], "phase": "fetching"}
