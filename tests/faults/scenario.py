"""Runs to be judged: the same inputs, once left alone and once disturbed."""

import asyncio
import random
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.collections import ensure_collections
from infra.mongo import Mongo
from infra.settings import Settings
from infra.topic_admin import TopicAdmin
from tests.faults import verdict
from tests.faults.deployment import Deployment, Process, deployed
from tests.faults.feed import FeedRecord
from tests.oracle import naive_documents, naive_log

REJOIN_SECONDS = 60.0


@dataclass
class Outcome:
    """What a run left behind, and what was done to it."""

    events: dict[str, verdict.Event] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    recovery_seconds: list[float] = field(default_factory=list)


async def fresh(settings: Settings) -> tuple[Settings, Mongo]:
    """A deployment of the same shape with nothing in it."""
    name = uuid.uuid4().hex[:12]
    own = settings.model_copy(
        update={"kafka_topic_prefix": f"t{name}.", "mongodb_database": f"t{name}"}
    )
    mongo = Mongo(own)
    await ensure_collections(mongo)
    async with TopicAdmin(own, mongo) as topics:
        await topics.create()
    return own, mongo


async def undisturbed(
    settings: Settings, directory: Path, records: list[FeedRecord]
) -> dict[str, verdict.Event]:
    """The change events of a run that nobody touches, by `key:version`."""
    own, mongo = await fresh(settings)
    with deployed(own, directory) as deployment:
        deployment.start("worker")
        deployment.start("projector")
        await verdict.send(own, records)
        behind = await verdict.until_still(own, mongo, 120.0)
        assert not behind, f"the undisturbed run lags: {behind}\n{deployment.logs()}"
    log = await verdict.read_log(own)
    events, wrong = verdict.deduplicated(log)
    assert not wrong
    await _dropped(mongo)
    return events


@dataclass
class Killer:
    """Kills worker and projector in turn, each time at a random moment, and starts them again."""

    deployment: Deployment
    seed: int
    kills: Counter[str] = field(default_factory=Counter)

    async def kill(self, times: int, within: float) -> None:
        """Kill `times` times, spread over about `within` seconds."""
        moments = random.Random(self.seed)
        running = {name: self.deployment.start(name) for name in ("worker", "projector")}
        for number in range(times):
            await asyncio.sleep(moments.uniform(0.5, 1.5) * within / times)
            name = ("worker", "projector")[number % 2]
            self.kills[f"{name} at {running[name].kill()}"] += 1
            running[name] = self.deployment.start(name)


async def judge(
    settings: Settings,
    mongo: Mongo,
    records: list[FeedRecord],
    *,
    patience: float = REJOIN_SECONDS,
) -> list[str]:
    """Everything that is wrong with a run of `records` once nothing moves any more."""
    behind = await verdict.until_still(settings, mongo, patience)
    wrong = [f"{name} lags by {count}" for name, count in behind.items()]
    log = await verdict.read_log(settings)
    events, repeats = verdict.deduplicated(log)
    wrong += repeats + verdict.gaps(events)
    expected = {
        f"{key}:{event['version']}": event
        for key, life in naive_log(_inputs(records)).items()
        for event in life
    }
    wrong += verdict.differences("event", expected, {i: _plain(e) for i, e in events.items()})
    tickets, history = naive_documents(list(events.values()))
    wrong += verdict.differences("ticket", tickets, await _documents(mongo, "tickets"))
    wrong += verdict.differences("history", history, await _documents(mongo, "ticket_history"))
    return wrong


async def _documents(mongo: Mongo, name: str) -> dict[str, Any]:
    return {document["_id"]: document async for document in mongo[name].find()}


async def _dropped(mongo: Mongo) -> None:
    await mongo.client.drop_database(mongo.database.name)
    mongo.close()


def _inputs(records: list[FeedRecord]) -> Any:
    raise NotImplementedError


def _plain(event: verdict.Event) -> Any:
    raise NotImplementedError


__all__ = ["Killer", "Outcome", "Process", "fresh", "judge", "undisturbed"]
