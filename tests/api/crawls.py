"""A crawl moved by hand: what workers and projectors leave in the documents of a run."""

import asyncio
import time

from domain.sweeps import Position
from infra import collections
from infra.claims import Claims
from infra.jobs import jobs_of
from infra.mongo import Document, Mongo
from infra.retrying import in_transaction
from infra.settings import Settings
from infra.settlement import Settlement
from infra.stored_pages import PageCounts, StoredPage


class Crawl:
    """The rest of the system, as far as a run's documents show it."""

    def __init__(self, mongo: Mongo, settings: Settings) -> None:
        self.mongo = mongo
        self.jobs = jobs_of(mongo, settings)
        self.claims = Claims(mongo, self.jobs, "worker-1")
        self.settlement = Settlement(mongo, self.jobs)
        self.job: Document = {}

    async def claim(self) -> None:
        """Take the run, as soon as there is one."""
        give_up = time.monotonic() + 20
        while (claimed := await self.claims.claim()) is None:
            assert time.monotonic() < give_up
            await asyncio.sleep(0.02)
        self.job = claimed

    async def fetch(self, page: int, pages: int, counts: dict[str, PageCounts]) -> None:
        stored = StoredPage(
            sequence=page,
            page=page,
            rows=[],
            counts=counts,
            position=Position(page + 1 if page < pages else None),
            pages_total=pages,
        )
        await in_transaction(
            self.mongo, lambda session: self.claims.save_page(self.job, stored, [], session)
        )

    async def compare(self, job_id: str, partition: int, **tally: int) -> None:
        await self.mongo[collections.RUN_TALLIES].insert_one(
            {
                "_id": f"{job_id}:{partition}",
                "job_id": job_id,
                "partition": partition,
                "tally": tally,
            }
        )

    async def apply(self, job_id: str, tallies: dict[int, dict[str, int]]) -> None:
        await self.mongo[collections.RUN_SETTLED].insert_many(
            [
                {
                    "_id": f"{job_id}:{partition}",
                    "job_id": job_id,
                    "tally": tallies.get(partition, {}),
                }
                for partition in range(self.jobs.partitions)
            ]
        )
        await self.settlement.close([job_id])
