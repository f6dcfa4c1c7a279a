"""Runs to be judged: inputs fed, processes disturbed, the outcome held against an oracle."""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.collections import ensure_collections
from infra.jobs import Jobs, jobs_of
from infra.mongo import Mongo
from infra.settings import Settings
from infra.topic_admin import TopicAdmin
from tests.faults import verdict
from tests.faults.deployment import Deployment, Process, deployed
from tests.faults.feed import FeedRecord

PATIENCE = 60.0


@dataclass
class Scenario:
    """A deployment under test, and what was done to it."""

    settings: Settings
    mongo: Mongo
    deployment: Deployment
    running: dict[str, Process] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)

    def start(self, *services: str, **options: str) -> None:
        """Start services; a further one of a name takes the place of the earlier one here."""
        for service in services:
            self.running[service] = self.deployment.start(service, **options)

    async def kill_in_turn(self, times: int, seconds: float, seed: int) -> None:
        """`kill -9` worker and projector in turn at random moments, and start them again."""
        moments = random.Random(seed)
        for number in range(times):
            await asyncio.sleep(moments.uniform(0.5, 1.5) * seconds / times)
            service = ("worker", "projector")[number % 2]
            self.kills[f"{service} at {self.running[service].kill()}"] += 1
            self.start(service)

    async def until_dead(self, service: str, seconds: float = PATIENCE) -> None:
        """Wait until a process that was to die at a boundary is dead, then start it again."""
        process = self.running[service]
        deadline = asyncio.get_running_loop().time() + seconds
        while process.is_alive:
            assert asyncio.get_running_loop().time() < deadline, (
                f"{service} never came to its boundary; last: {process.last_boundary()}"
            )
            await asyncio.sleep(0.05)
        self.kills[f"{service} at {process.last_boundary()}"] += 1

    async def judged(
        self, records: Iterable[FeedRecord], patience: float = PATIENCE, *, crawls: bool = False
    ) -> verdict.Judgement:
        """The verdict once nothing moves any more; `crawls`: `records` holds theirs, too."""
        return await verdict.judged(
            self.settings, self.mongo, records, patience=patience, crawls=crawls
        )

    async def wrong(self, records: Iterable[FeedRecord], patience: float = PATIENCE) -> list[str]:
        """Everything that is wrong once nothing moves any more; what crawls made is left out."""
        return (await self.judged(records, patience)).findings


@asynccontextmanager
async def scenario(settings: Settings, directory: Path, **changes: Any) -> AsyncIterator[Scenario]:
    """A fresh deployment on the engines of `settings`; everything of it is gone afterwards."""
    name = uuid.uuid4().hex[:12]
    own = settings.model_copy(
        update={"kafka_topic_prefix": f"f{name}.", "mongodb_database": f"f{name}"} | changes
    )
    mongo = Mongo(own)
    await ensure_collections(mongo)
    async with TopicAdmin(own, mongo) as topics:
        await topics.create()
    try:
        with deployed(own, directory) as deployment:
            yield Scenario(own, mongo, deployment)
    finally:
        await mongo.client.drop_database(own.mongodb_database)
        mongo.close()


def runs_of(scenario: Scenario) -> Jobs:
    """The jobs of a deployment under test."""
    return jobs_of(scenario.mongo, scenario.settings)
