"""The rows that each crawl was shown, kept until it ends: whoever resumes it must know them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from domain.sightings import Sightings, packed, unpacked
from infra import collections
from infra.mongo import Mongo, Session


class CrawlSightings:
    """One document per page: `crawl_id, marks, stored_at`; what nobody forgot goes in a week."""

    def __init__(self, mongo: Mongo) -> None:
        self._pages = mongo[collections.CRAWL_SIGHTINGS]

    async def save(
        self, crawl_id: str, sequence: int, marks: Sequence[int], session: Session
    ) -> None:
        """Store the marks of one page's new rows."""
        if marks:
            page = {
                "_id": f"{crawl_id}:{sequence}",
                "crawl_id": crawl_id,
                "marks": packed(marks),
                "stored_at": datetime.now(UTC),
            }
            await self._pages.insert_one(page, session=session)

    async def load(self, crawl_id: str) -> Sightings:
        """Everything that the crawl was shown so far."""
        seen = Sightings()
        async for page in self._pages.find({"crawl_id": crawl_id}, {"marks": 1}):
            for mark in unpacked(page["marks"]):
                seen.add(mark)
        return seen

    async def forget(self, crawl_id: str) -> None:
        """Delete them, at the end of the crawl."""
        await self._pages.delete_many({"crawl_id": crawl_id})
