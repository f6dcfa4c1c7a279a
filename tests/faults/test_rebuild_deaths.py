"""A rebuild that dies, wherever, is resumed, and ends as if it had not."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infra.settings import Settings
from tests.faults import matrix
from tests.faults.matrix import Point
from tests.faults.scenario import Scenario, scenario
from tests.faults.tables import Tables
from tests.projections.projected import Projected, connected, log_of_tickets

EVENTS = 3_000
DEATHS = 3
PATIENCE = 120.0

pytestmark = [pytest.mark.services, pytest.mark.timeout(400)]


@pytest.mark.faults
async def test_death_in_the_middle_of_the_swap(
    settings: Settings, tmp_path: Path, tables: Tables
) -> None:
    [point] = [point for point in matrix.REBUILD if point.boundary == "mid_swap"]
    await _die_at(settings, tmp_path, tables, point, deaths=1)


@pytest.mark.faults
@pytest.mark.parametrize("point", matrix.REBUILD, ids=lambda point: point.boundary)
async def test_death_at_a_boundary(
    settings: Settings, tmp_path: Path, tables: Tables, point: Point
) -> None:
    await _die_at(settings, tmp_path, tables, point, DEATHS)


@pytest.mark.faults
async def test_ten_kills_at_random_moments(settings: Settings, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"\nseed {seed}")
    moments = random.Random(seed)
    async with rebuilding(settings, tmp_path) as (running, projected):
        before = await projected.digests()
        for _ in range(10):
            running.start("rebuild")
            await asyncio.sleep(moments.uniform(0.5, 9.0))
            running.running["rebuild"].kill()
        await _to_its_end(running, "rebuild")
        assert await projected.digests() == before
        assert await _orphans(projected) == []


async def _die_at(
    settings: Settings, directory: Path, tables: Tables, point: Point, deaths: int
) -> None:
    async with rebuilding(settings, directory) as (running, projected):
        before = await projected.digests()
        tenant = (await projected.some("tickets"))["tenant_id"]
        for _ in range(deaths):
            await projected.mongo["tickets"].update_one(
                {"tenant_id": tenant}, {"$set": {"subject": "changed by hand"}}
            )
            crash = f"{point.boundary}:{point.times}"
            running.start(point.process, crash_at=crash, FAULT_TENANT=tenant)
            await running.until_dead(point.process, PATIENCE)
        await _to_its_end(running, point.process, FAULT_TENANT=tenant)
        after = await projected.digests()
        orphans = await _orphans(projected)
        kills = running.kills[f"{point.process} at {point.boundary}"]
        equal = "yes" if after == before and not orphans else "NO"
        table = tables.table(
            "crash matrix", "boundary", "process", "kills", "log equals fold", "models equal fold"
        )
        table.add(point.boundary, point.process, kills, "not written", equal)
        assert after == before, running.deployment.logs()
        assert orphans == []


async def _to_its_end(running: Scenario, service: str, **variables: str) -> None:
    running.start(service, **variables)
    process = running.running[service]
    await asyncio.to_thread(process.wait, PATIENCE)
    assert process.popen.returncode == 0, running.deployment.logs()


async def _orphans(projected: Projected) -> list[str]:
    """Whatever belongs to no generation that is live or kept."""
    active = await projected.mongo["read_models"].find_one({"_id": "active"})
    assert active is not None
    kept = active.get("kept", {}).get("tickets", [])
    live = active.get("generations", {}).get("tickets", 1)
    suffixes = tuple(f"_g{number}" for number in (*kept, live))
    return [trace for trace in await projected.traces() if not _belongs(trace, suffixes, kept)]


def _belongs(trace: str, suffixes: tuple[str, ...], kept: list[int]) -> bool:
    if trace.endswith(suffixes):
        return True
    return any(f":{number}:" in trace for number in kept)


@asynccontextmanager
async def rebuilding(
    settings: Settings, directory: Path
) -> AsyncIterator[tuple[Scenario, Projected]]:
    """A log that a projector process has applied, and goes on applying."""
    async with scenario(settings, directory) as running, connected(running.settings) as projected:
        await projected.publish(log_of_tickets(running.settings, EVENTS))
        running.start("projector")
        await projected.applied()
        yield running, projected
