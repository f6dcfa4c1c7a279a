"""The end of a run: once every partition is applied, its job is closed and its audit written."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial

import msgspec
import structlog
from pymongo import ASCENDING

from domain.events import Tally
from domain.runs import ALL_TENANTS, ENDED, PHASE_OF, audit, encode_audit
from domain.topics import RUN_EVENTS
from infra import collections
from infra.jobs import Jobs
from infra.kafka import Outgoing
from infra.mongo import Document, Mongo, Session
from infra.publisher import Publisher
from infra.retrying import in_transaction
from infra.telemetry import run_fields

log = structlog.get_logger()


class Settlement:
    """Closes jobs; any process may, one compare-and-set decides."""

    def __init__(self, mongo: Mongo, jobs: Jobs) -> None:
        self._mongo = mongo
        self._jobs = jobs
        self._documents = mongo[collections.JOBS]
        self._settled = mongo[collections.RUN_SETTLED]
        self._audits = mongo[collections.RUN_OUTBOX]

    async def close(self, job_ids: Iterable[str]) -> None:
        """Close each of these jobs that is applied, and then its parent."""
        parents = set()
        for job_id in job_ids:
            job = await self._documents.find_one({"_id": job_id, "phase": "applying"})
            if job is not None and await in_transaction(self._mongo, partial(self._close, job)):
                log.info("run_closed", **run_fields(job), outcome=job["outcome"])
                parents.add(job["parent_id"])
        if parents := parents - {None}:
            await self.close(parents)

    async def close_applied(self) -> None:
        """Close every job that is applied: what a process that died would have done."""
        waiting = self._documents.find({"phase": "applying"}, {"_id": 1}).sort("parent_id", -1)
        await self.close([job["_id"] async for job in waiting])

    async def publish_audits(self, publisher: Publisher) -> None:
        """Write the stored audits to `ingestion.events`; twice is harmless, as readers keep one."""
        rows = await self._audits.find().sort("stored_at", ASCENDING).to_list(1000)
        if rows:
            records = [Outgoing(row["tenant_id"].encode(), row["value"]) for row in rows]
            await publisher.publish(RUN_EVENTS, {0: records})
            await self._audits.delete_many({"_id": {"$in": [row["_id"] for row in rows]}})

    async def _close(self, job: Document, session: Session) -> bool:
        tally = await self._tally(job, session)
        if tally is None:
            return False
        now = datetime.now(UTC)
        ended = await self._documents.update_one(
            {"_id": job["_id"], "phase": "applying"},
            {
                "$set": {
                    "phase": PHASE_OF[job["outcome"]],
                    "ended_at": now,
                    "tally": msgspec.structs.asdict(tally),
                }
            },
            session=session,
        )
        if not ended.modified_count:
            return False
        await self._jobs.leases.release(job["tenant_id"], job["_id"], session)
        await self._audits.insert_one(
            {
                "_id": job["_id"],
                "tenant_id": job["tenant_id"],
                "stored_at": now,
                "value": encode_audit(audit(job, tally, now)),
            },
            session=session,
        )
        return True

    async def _tally(self, job: Document, session: Session) -> Tally | None:
        """What became of the run's records, or None while some are not applied."""
        if job["tenant_id"] != ALL_TENANTS:
            settled = await self._settled.find({"job_id": job["_id"]}, session=session).to_list(
                None
            )
            if len(settled) < len(job["sent"]):
                return None
            return sum((Tally(**row["tally"]) for row in settled), Tally())
        children = await self._documents.find({"parent_id": job["_id"]}, session=session).to_list(
            None
        )
        if any(child["phase"] not in ENDED for child in children):
            return None
        rejected = sum(child["rejected"] for child in children)
        tallies = (Tally(**child["tally"]) for child in children)
        return sum(tallies, Tally(rejected=rejected))
