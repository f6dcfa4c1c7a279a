"""What a complete crawl concludes, fenced like its pages: deletions, warnings, completeness."""

from collections import Counter
from collections.abc import Mapping, Sequence

from infra import collections
from infra.claims import Claims
from infra.mongo import Document, Mongo, Session
from infra.run_outbox import RawRow, page


class Conclusions:
    """Writes to the documents of a crawl's jobs, and to its outbox."""

    def __init__(self, mongo: Mongo, claims: Claims) -> None:
        self._claims = claims
        self._jobs = mongo[collections.JOBS]
        self._outbox = mongo[collections.CRAWL_OUTBOX]

    async def fence(self, job: Document, session: Session) -> None:
        """Let a transaction commit only while the crawl is ours.

        Raises:
            LeaseLostError: it is not.
        """
        # An update that changes nothing would conflict with no other.
        await self._claims.advance(job, {"$inc": {"fenced": 1}}, session)

    async def delete(
        self, job: Document, run: str, rows: Sequence[RawRow], session: Session
    ) -> None:
        """Store deletions of one of the crawl's runs, to be published.

        Raises:
            LeaseLostError: the crawl is no longer ours; nothing was stored.
        """
        sequence = job["sequence"] + len(rows)
        await self._claims.advance(job, {"$set": {"sequence": sequence}}, session)
        sent = Counter(f"sent.{row.partition}" for row in rows)
        await self._jobs.update_one({"_id": run}, {"$inc": dict(sent)}, session=session)
        await self._outbox.insert_many(page(job["_id"], sequence, rows), session=session)

    async def conclude(
        self, job: Document, warnings: Mapping[str, str | None], session: Session
    ) -> None:
        """Mark these runs as complete, and those with a warning as partly successful.

        Raises:
            LeaseLostError: the crawl is no longer ours; nothing was stored.
        """
        said = [warning for warning in warnings.values() if warning]
        await self._claims.advance(job, {"$set": {"reconciled": True}}, session)
        for run, warning in warnings.items():
            await self._jobs.update_one(
                {"_id": run},
                {
                    "$set": {"complete": True, "partial": warning is not None},
                    "$push": {"errors": {"$each": [warning] if warning else []}},
                },
                session=session,
            )
        if said and job["_id"] not in warnings:
            await self._jobs.update_one(
                {"_id": job["_id"]},
                {"$set": {"partial": True}, "$push": {"errors": {"$each": said}}},
                session=session,
            )

    async def fall_short(self, job: Document, warning: str, session: Session) -> None:
        """Note that the crawl is not complete: it ends as partly successful.

        Raises:
            LeaseLostError: the crawl is no longer ours; nothing was stored.
        """
        noted = {"$set": {"partial": True, "reconciled": True}, "$push": {"errors": warning}}
        await self._claims.advance(job, noted, session)
        await self._jobs.update_many(
            {"parent_id": job["_id"]},
            {"$set": {"partial": True}, "$push": {"errors": warning}},
            session=session,
        )
