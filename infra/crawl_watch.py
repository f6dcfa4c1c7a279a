"""A worker's look at all its crawls at once, and at those that still wait for a worker."""

from collections.abc import Collection
from typing import Final, NamedTuple

from infra import collections
from infra.jobs import Jobs
from infra.mongo import Document, Mongo

_BEATS_PER_LEASE: Final = 3
_ENDED_FROM_OUTSIDE: Final = {"CANCELLED": "was cancelled", "INTERRUPTED": "was interrupted"}


class Claim(NamedTuple):
    """One claim of a crawl; a later one of the same crawl has another token."""

    crawl_id: str
    token: int


class CrawlWatch:
    """Tells which crawls are lost, and keeps the leases of queued ones; one query for all."""

    def __init__(self, mongo: Mongo, jobs: Jobs) -> None:
        self._documents = mongo[collections.JOBS]
        self._leases = jobs.leases
        self.beat_seconds = jobs.leases.seconds / _BEATS_PER_LEASE

    async def losses(self, claims: Collection[Claim]) -> dict[Claim, str]:
        """Those claims that hold no longer, each with the reason.

        A crawl that its own worker settled is not lost: it publishes what is left.
        """
        if not claims:
            return {}
        wanted = {"_id": {"$in": list({claim.crawl_id for claim in claims})}}
        fields = {"token": 1, "phase": 1, "outcome": 1}
        jobs = {job["_id"]: job async for job in self._documents.find(wanted, fields)}
        reasons = {claim: _loss(claim, jobs.get(claim.crawl_id)) for claim in claims}
        return {claim: reason for claim, reason in reasons.items() if reason is not None}

    async def keep_queued(self) -> None:
        """Renew the leases of crawls that wait, or another run of their tenant would end them."""
        waiting = {"phase": "queued", "parent_id": None}
        crawls = [job["_id"] async for job in self._documents.find(waiting, {"_id": 1})]
        if crawls:
            await self._leases.renew_all(crawls)


def _loss(claim: Claim, job: Document | None) -> str | None:
    if job is None:
        return "is unknown"
    if job["token"] != claim.token:
        return "was taken over by another worker"
    return _ENDED_FROM_OUTSIDE.get(job["outcome"])
