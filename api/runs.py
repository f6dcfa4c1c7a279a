"""Runs as the API shows them: job documents, and the tallies of what is applied."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from pymongo.errors import PyMongoError

from api.documents import shown_instant
from api.scope import Deployment
from domain.events import Tally
from domain.runs import ALL_TENANTS, ENDED
from infra.jobs import Jobs
from infra.mongo import Document

log = structlog.get_logger()

_POLL_SECONDS: Final = 0.1
_FETCHING_SHARE: Final = 0.8  # of the whole, in percent per percent fetched
_APPLYING_FROM: Final = 80.0
_APPLYING_SHARE: Final = 19.0


class RunState(NamedTuple):
    """A job, the crawl that fetches for it, its children if it is for all tenants, and its tally.

    Of a job without a parent the crawl is the job itself.
    """

    job: Document
    crawl: Document
    children: list[Document]
    tally: Tally

    @property
    def is_ended(self) -> bool:
        """True if nothing of it will change."""
        return self.job["phase"] in ENDED

    @property
    def sent(self) -> int:
        """How many records the run wrote, each of which ends in the tally."""
        parts = self.children if self.job["tenant_id"] == ALL_TENANTS else [self.job]
        return sum(sum(part["sent"]) for part in parts)

    @property
    def applied(self) -> int:
        """How many records have had their effect."""
        return sum(msgspec.structs.astuple(self.tally))


class RunQueries:
    """What can be asked about runs."""

    def __init__(self, jobs: Jobs, deployment: Deployment) -> None:
        self._jobs = jobs
        self._deployment = deployment

    async def state(self, job_id: str) -> RunState:
        """How far a run has got.

        Raises:
            JobNotFoundError: no run has this id.
        """
        job = await self._jobs.find(job_id)
        crawl = await self._jobs.find(job["parent_id"]) if job["parent_id"] else job
        of_all = job["tenant_id"] == ALL_TENANTS
        children = await self._deployment.children(job_id) if of_all else []
        if job["tally"] is not None:
            return RunState(job, crawl, children, msgspec.convert(job["tally"], Tally))
        counted = [child["_id"] for child in children] if of_all else [job_id]
        refused = Tally(rejected=sum(child["rejected"] for child in children))
        tally = await self._deployment.applied(counted)
        return RunState(job, crawl, children, tally + refused)

    async def wait_for_end(
        self, job: Document, seconds: float, is_gone: Callable[[], Awaitable[bool]]
    ) -> Document:
        """The job as last seen: ended, or when the time ran out or the caller `is_gone`.

        MongoDB may be away meanwhile: the run was accepted, and the answer must say so.
        """
        try:
            async with asyncio.timeout(seconds):
                while job["phase"] not in ENDED and not await is_gone():
                    await asyncio.sleep(_POLL_SECONDS)
                    job = await self._seen_again(job)
        except TimeoutError:
            pass
        return job

    async def _seen_again(self, job: Document) -> Document:
        try:
            return await self._jobs.find(job["_id"])
        except PyMongoError as error:
            log.warning("waiting_blind", job_id=job["_id"], reason=type(error).__name__)
            return job


def progress(run: RunState, now: datetime) -> dict[str, Any]:
    """A run, as `Progress` describes it."""
    job = run.job
    percent = _percent(run)
    return {
        "job_id": job["_id"],
        "tenant_id": job["tenant_id"],
        "parent_id": job["parent_id"],
        "phase": job["phase"],
        "status": job["outcome"] if run.is_ended else None,
        "requested_at": shown_instant(job["requested_at"]),
        "started_at": shown_instant(job["started_at"]),
        "ended_at": shown_instant(job["ended_at"]),
        "pages_done": job["pages_done"],
        "pages_total": run.crawl["pages_total"],
        "tickets_fetched": job["fetched"],
        "tickets_applied": run.applied,
        "percent": percent,
        "eta_seconds": _eta(run, percent, now),
        "counters": counters(job, run.tally),
        "jobs": job["jobs"],
        "skipped": job.get("skipped", []),
        "errors": job["errors"],
    }


def accepted(job: Document, progress_path: str) -> dict[str, Any]:
    """A run that goes on, as `RunAccepted` describes it."""
    return {
        "job_id": job["_id"],
        "tenant_id": job["tenant_id"],
        "status": job["phase"],
        "requested_at": shown_instant(job["requested_at"]),
        "jobs": job["jobs"],
        "skipped": job.get("skipped", []),
        "progress": progress_path,
    }


def last_run(job: Document) -> dict[str, Any]:
    """A run that ended, as `LastRun` describes it."""
    return {
        "job_id": job["_id"],
        "status": job["outcome"],
        "phase": job["phase"],
        "requested_at": shown_instant(job["requested_at"]),
        "started_at": shown_instant(job["started_at"]),
        "ended_at": shown_instant(job["ended_at"]),
        "pages": job["pages_done"],
        "counters": counters(job, msgspec.convert(job["tally"] or {}, Tally)),
        "errors": job["errors"],
    }


def counters(job: Document, tally: Tally) -> dict[str, int]:
    """What became of the rows, as the audit will count them."""
    counted: dict[str, int] = msgspec.structs.asdict(tally)
    counted["rejected"] += job["rejected"]
    return {"fetched": job["fetched"], "foreign": job["foreign"], **counted}


def _percent(run: RunState) -> float:
    """0 to 100, in tenths: only an end is 100, and a run that failed stays where fetching did."""
    job = run.job
    if job["phase"] == "completed":
        return 100.0
    settled = job["phase"] == "applying" or run.is_ended
    if not settled or job["outcome"] not in ("SUCCESS", "PARTIAL_SUCCESS"):
        return _tenths(_FETCHING_SHARE * run.crawl["fetch_percent"])
    done = min(1.0, run.applied / run.sent) if run.sent else 1.0
    return _tenths(_APPLYING_FROM + _APPLYING_SHARE * done)


def _tenths(percent: float) -> float:
    return math.floor(percent * 10 + 1e-6) / 10


def _eta(run: RunState, percent: float, now: datetime) -> float | None:
    """Seconds to go at the rate so far."""
    if run.is_ended:
        return 0.0
    started = run.job["started_at"]
    if started is None or percent <= 0:
        return None
    elapsed: float = max((now - started) / timedelta(seconds=1), 0.0)
    return round(elapsed * (100 - percent) / percent, 1)
