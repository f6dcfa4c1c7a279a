"""Back-ups as `docs/operations/backup.md` has them: which order can be restored, and which not."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from dev.engines import Engines
from infra.settings import Settings
from tests.faults import verdict
from tests.faults.feed import Feed
from tests.faults.scenario import Scenario, scenario
from tests.integration.pipeline import eventually
from tests.stages.stages import quiet, send, stop

SERVICES = ("worker", "projector")

pytestmark = [pytest.mark.services, pytest.mark.faults, pytest.mark.timeout(300)]


@pytest.fixture
def own(tmp_path: Path) -> Any:
    """Engines of this test's own, whose data it may put away."""
    with Engines.local(tmp_path / "engines") as engines:
        yield engines


@pytest.fixture
async def running(settings: Settings, own: Engines, tmp_path: Path) -> AsyncIterator[Scenario]:
    """A deployment on them."""
    places = {
        "kafka_bootstrap_servers": own.kafka.bootstrap,
        "mongodb_uri": SecretStr(own.mongod.uri),
    }
    async with scenario(settings, tmp_path / "logs", **places) as deployment:
        deployment.start(*SERVICES)
        yield deployment


async def test_an_older_mongodb_catches_up_and_an_older_kafka_is_refused(
    running: Scenario, own: Engines, tmp_path: Path
) -> None:
    feed = Feed(17, running.settings.kafka_partitions, tickets=60)
    parts = [feed.take(150) for _ in range(4)]
    await send(running, parts[0])
    older = await copy_of(running)
    await send(running, parts[1])
    await stop(running, *SERVICES)
    await _put_away(own, tmp_path / "kafka")
    running.start(*SERVICES)
    await send(running, parts[2])
    await stop(running, *SERVICES)
    await _put_back(own, tmp_path / "kafka")
    ends, tickets = await verdict.ends(running.settings, "tickets.changes"), await _tickets(running)

    running.start(*SERVICES)
    reasons = await eventually(partial(_halted, running), lambda found: len(found) > 1)
    await stop(running, *SERVICES)

    assert all("the log holds" in reason for reason in reasons), reasons
    assert await verdict.ends(running.settings, "tickets.changes") == ends
    assert await _tickets(running) == tickets
    await put_back(running, older)
    running.start(*SERVICES)
    await quiet(running)
    await verdict.send(running.settings, parts[3])
    assert await running.wrong([*parts[0], *parts[1], *parts[3]]) == []


async def copy_of(running: Scenario) -> dict[str, list[Any]]:
    """Every document of the database."""
    names = await running.mongo.database.list_collection_names()
    return {name: await running.mongo[name].find().to_list(None) for name in names}


async def put_back(running: Scenario, copy: dict[str, list[Any]]) -> None:
    """Make the database what it was; no process runs."""
    for name in await running.mongo.database.list_collection_names():
        await running.mongo[name].delete_many({})
    for name, documents in copy.items():
        if documents:
            await running.mongo[name].insert_many(documents)


async def _put_away(engines: Engines, to: Path) -> None:
    """Copy Kafka's folder while it stands still."""
    await asyncio.to_thread(engines.kafka.stop)
    shutil.copytree(engines.kafka.data_dir, to)
    await asyncio.to_thread(engines.kafka.start)


async def _put_back(engines: Engines, copy: Path) -> None:
    await asyncio.to_thread(engines.kafka.stop)
    shutil.rmtree(engines.kafka.data_dir)
    shutil.copytree(copy, engines.kafka.data_dir)
    await asyncio.to_thread(engines.kafka.start)


async def _halted(running: Scenario) -> list[str]:
    found: list[str] = await running.mongo["checkpoints"].distinct(
        "halted", {"halted": {"$ne": None}}
    )
    return found


async def _tickets(running: Scenario) -> dict[str, int]:
    return {d["_id"]: d["version"] async for d in running.mongo["tickets"].find()}
