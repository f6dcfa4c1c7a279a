"""Several workers and projectors at once, some of them stopped and continued."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from infra.settings import Settings
from tests.faults import verdict
from tests.faults.deployment import Process
from tests.faults.feed import Feed
from tests.faults.scenario import Scenario, scenario
from tests.integration.pipeline import eventually

SEED = 11
STOPPED = 14.0  # longer than a session of the consumer group, so that others take over


@pytest.mark.faults
@pytest.mark.timeout(180)
async def test_a_stalled_worker_and_projector_change_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    await _stalled(settings, tmp_path, rate=200, stopped=STOPPED)


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_half_a_minute_of_stall_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    await _stalled(settings, tmp_path, rate=500, stopped=30.0)


async def _stalled(settings: Settings, directory: Path, *, rate: int, stopped: float) -> None:
    """Two of each; one of each is stopped in mid-feed, and goes on when others have taken over."""
    records = Feed(SEED, settings.kafka_partitions).take(round(rate * (2 * stopped + 8)))
    async with scenario(settings, directory) as running:
        first = [running.deployment.start(name) for name in ("worker", "projector")]
        running.start("worker", "projector")
        sending = asyncio.create_task(verdict.send(running.settings, records, rate))
        for process in first:
            await eventually(partial(_at_work, process), bool)
            process.suspend()
            running.kills[f"{process.name} stopped at {process.last_boundary()}"] += 1
            await asyncio.sleep(stopped)
            process.resume()
        await sending
        wrong = await running.wrong(records)
        assert all(process.is_alive for process in first), running.deployment.logs()
        assert not wrong, f"{len(wrong)}: {wrong[:10]}\n{running.deployment.logs()}"
        print(f"\nstalled: {dict(running.kills)}")


@pytest.mark.faults
@pytest.mark.services
@pytest.mark.timeout(180)
async def test_a_database_restored_from_an_older_backup_does_not_fork_the_log(
    settings: Settings, tmp_path: Path
) -> None:
    """State, checkpoints and documents of a minute ago; the log is where it was."""
    feed = Feed(SEED, settings.kafka_partitions, tickets=100)
    async with scenario(settings, tmp_path) as running:
        running.start("worker", "projector")
        records = feed.take(800)
        await verdict.send(running.settings, records)
        assert not await verdict.until_still(running.settings, running.mongo, 60.0)
        await _stop(running)
        backup = {
            name: await running.mongo[name].find().to_list(None)
            for name in await running.mongo.database.list_collection_names()
        }
        running.start("worker", "projector")
        later = feed.take(800)
        await verdict.send(running.settings, later)
        assert not await verdict.until_still(running.settings, running.mongo, 60.0)
        await _stop(running)
        for name, documents in backup.items():
            await running.mongo[name].delete_many({})
            if documents:
                await running.mongo[name].insert_many(documents)
        running.start("worker", "projector")
        last = feed.take(400)
        await verdict.send(running.settings, last)

        wrong = await running.wrong(records + later + last)

        assert not wrong, f"{len(wrong)}: {wrong[:10]}\n{running.deployment.logs()}"


async def _at_work(process: Process) -> bool:
    return process.last_boundary() != "starting"


async def _stop(running: Scenario) -> None:
    for process in running.running.values():
        process.terminate()
        await asyncio.to_thread(process.wait, 20)
