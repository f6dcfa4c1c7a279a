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

from domain.digests import DIGEST
from infra.collections import ensure_collections
from infra.jobs import Jobs, jobs_of
from infra.mongo import Mongo
from infra.settings import Settings
from infra.topic_admin import TopicAdmin
from tests import oracle
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

    async def wrong(self, records: list[FeedRecord], patience: float = PATIENCE) -> list[str]:
        """Everything that is wrong once nothing moves any more; what crawls made is left out."""
        behind = await verdict.until_still(self.settings, self.mongo, patience)
        found = [f"{name} lags by {count}" for name, count in behind.items()]
        events, repeats = verdict.deduplicated(await verdict.read_log(self.settings))
        found += repeats + verdict.gaps(events)
        fed = {id_: event for id_, event in events.items() if event["cause"] != "crawl"}
        recorded = {id_: oracle.recorded(event) for id_, event in fed.items()}
        found += verdict.differences("event", expected_events(records), recorded)
        tickets, history = oracle.naive_documents(events.values())
        found += verdict.differences("ticket", tickets, await self._documents("tickets"))
        entries = {entry["_id"]: entry for entry in history}
        return found + verdict.differences(
            "history", entries, await self._documents("ticket_history")
        )

    async def _documents(self, name: str) -> dict[str, Any]:
        found = self.mongo[name].find({}, {DIGEST: 0})
        return {document["_id"]: document async for document in found}


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


def expected_events(records: Iterable[FeedRecord]) -> dict[str, oracle.Event]:
    """The naive fold of the inputs, by `tenant:external_id:version`."""
    offsets: Counter[int] = Counter()
    inputs = []
    for record in records:
        inputs.append(oracle.decoded(record.partition, offsets[record.partition], 0, record.value))
        offsets[record.partition] += 1
    return {
        f"{key}:{event['version']}": event
        for key, log in oracle.naive_log(inputs).items()
        for event in log
    }


def runs_of(scenario: Scenario) -> Jobs:
    """The jobs of a deployment under test."""
    return jobs_of(scenario.mongo, scenario.settings)
