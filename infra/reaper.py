"""The reaper: ends crawls whose worker was lost and that nobody resumed."""

import asyncio
from functools import partial
from typing import Any, Final

import structlog
from pymongo.errors import PyMongoError

from infra import collections
from infra.backoff import Backoff
from infra.jobs import Jobs
from infra.leases import WITH_LEASE
from infra.mongo import Document, Mongo, Session
from infra.owners import Owners, crawl_owner
from infra.retrying import answered, in_transaction

log = structlog.get_logger()

_LONGEST_PAUSE: Final = 5.0
_ROUNDS_PER_LEASE: Final = 4
_ONLY_WHAT_FETCHES: Final = "queue"  # the index by phase: the others grow with every run


class Reaper:
    """Looks every few seconds, in any number of processes; by the server's clock.

    While a crawl fetches, its lease is its own and is renewed.  One that is not, or that ran out
    more than a lease time ago, is of a crawl that will not go on.
    """

    def __init__(self, mongo: Mongo, jobs: Jobs) -> None:
        self._mongo = mongo
        self._jobs = jobs
        self._documents = mongo[collections.JOBS]
        self._owners = Owners(mongo)
        self._seconds = jobs.leases.seconds

    async def run(self) -> None:
        """Reap until cancelled."""
        backoff = Backoff()
        while True:
            try:
                await self.reap()
                backoff.reset()
            except PyMongoError as error:
                log.warning("reaping_delayed", reason=repr(error))
                await answered(partial(self._lost, {}), backoff)
                # Nobody could renew or resume anything while MongoDB was away.
                await asyncio.sleep(self._seconds)
            await asyncio.sleep(min(_LONGEST_PAUSE, self._seconds / _ROUNDS_PER_LEASE))

    async def reap(self) -> list[str]:
        """Interrupt every crawl that is lost; return their ids."""
        reaped = []
        for crawl in await self._lost({}):
            # Its worker may have died in a transaction on what is changed here.
            await self._owners.end(crawl_owner(crawl["_id"]))
            if await in_transaction(self._mongo, partial(self._interrupt, crawl["_id"])):
                reaped.append(str(crawl["_id"]))
        return reaped

    async def _interrupt(self, crawl_id: str, session: Session) -> bool:
        """Settle a crawl that is still lost in the transaction's own view."""
        for crawl in await self._lost({"_id": crawl_id}, session):
            reason = f"its worker was lost and nobody resumed it within {self._seconds:g} s"
            if not crawl["has_lease"]:
                reason = "its lease was lost"
            if await self._jobs.settle(crawl_id, "INTERRUPTED", [reason], session):
                log.warning("crawl_reaped", job_id=crawl_id, reason=reason)
                return True
        return False

    async def _lost(self, which: Document, session: Session | None = None) -> list[Document]:
        cursor = self._documents.aggregate(
            self._pipeline(which), session=session, hint=_ONLY_WHAT_FETCHES
        )
        return await cursor.to_list(None)

    def _pipeline(self, which: Document) -> list[dict[str, Any]]:
        deadline = {"$subtract": ["$$NOW", round(self._seconds * 1000)]}
        is_own = {"$eq": ["$lease.crawl_id", "$_id"]}
        is_late = {"$lte": ["$lease.expires_at", deadline]}
        return [
            {"$match": {"phase": "fetching", "parent_id": None} | which},
            *WITH_LEASE,
            {"$match": {"$expr": {"$or": [{"$not": [is_own]}, is_late]}}},
            {"$project": {"has_lease": is_own}},
        ]
