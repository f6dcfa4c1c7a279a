"""Death at each named boundary, and the planted bugs that these deaths must uncover."""

from functools import partial
from pathlib import Path

import pytest

from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from domain.runs import ENDED
from infra.settings import Settings
from tests.faults import matrix, planted, verdict
from tests.faults.feed import Feed, FeedRecord
from tests.faults.matrix import Point
from tests.faults.scenario import Scenario, runs_of, scenario
from tests.faults.tables import Tables
from tests.integration.pipeline import eventually

RECORDS = 1500
SEED = 7
DEATHS = 3
TENANT = "harbortide"
SESSION = {"FAULT_SESSION_SECONDS": "6"}


@pytest.mark.faults
@pytest.mark.services
async def test_death_between_a_first_write_and_its_commit(
    settings: Settings, tmp_path: Path, tables: Tables
) -> None:
    """The open transaction blocks nobody: the successor ends it."""
    for point in matrix.PIPELINE:
        if point.boundary in ("sync_state_written", "projector_written"):
            await _die_at(settings, tmp_path / point.boundary, tables, point, deaths=1)


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", matrix.PIPELINE, ids=lambda point: point.boundary)
async def test_death_at_a_boundary(
    settings: Settings, tmp_path: Path, tables: Tables, point: Point
) -> None:
    await _die_at(settings, tmp_path, tables, point, DEATHS)


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", matrix.CRAWL, ids=lambda point: point.boundary)
async def test_death_at_a_boundary_of_a_crawl(
    settings: Settings, tmp_path: Path, tables: Tables, point: Point
) -> None:
    with HelpdeskServer(HelpdeskSettings(tickets=900, limit=0)) as helpdesk:
        async with scenario(
            settings, tmp_path, helpdesk_url=helpdesk.url, lease_seconds=5.0
        ) as running:
            running.start("projector", "worker", **SESSION)
            await _crawl(running)
            live = [str(ticket["id"]) for ticket in helpdesk.tickets(TENANT)]
            for removed, changed in zip(live[:DEATHS], live[DEATHS:], strict=False):
                running.running["worker"].kill()
                helpdesk.remove(TENANT, removed)
                helpdesk.update(TENANT, changed, subject=f"{point.boundary} {removed}")
                running.start("worker", crash_at=f"{point.boundary}:{point.times}", **SESSION)
                await _crawl(running, point)
            await _settle(running, tables, point, await verdict.landed(running.settings))


async def _crawl(running: Scenario, point: Point | None = None) -> None:
    """A run of the tenant, completed even if the worker dies at `point`."""
    job = await runs_of(running).request(TENANT)
    if point is not None:
        await running.until_dead("worker")
        running.start("worker", **SESSION)
    ended = await eventually(partial(runs_of(running).find, job["_id"]), _has_ended)
    assert ended["phase"] == "completed", f"{point}: {ended['errors']}"
    if point is not None:
        assert (ended["tally"]["updated"], ended["tally"]["deleted"]) == (1, 1), ended["tally"]


def _has_ended(job: verdict.Event) -> bool:
    return job["phase"] in ENDED


async def _die_at(
    settings: Settings, directory: Path, tables: Tables, point: Point, deaths: int
) -> None:
    """Feed, die at a boundary again and again, and hold the outcome against the oracle."""
    feed = Feed(SEED, settings.kafka_partitions)
    records = []
    async with scenario(settings, directory) as running:
        running.start("worker" if point.process == "projector" else "projector", **SESSION)
        boundaries = [point.predecessor, point.boundary] if point.predecessor else [point.boundary]
        for boundary in boundaries * deaths:
            times = point.times if boundary == point.boundary else 2
            running.start(point.process, crash_at=f"{boundary}:{times}", **SESSION)
            batch = feed.take(RECORDS)
            records += batch
            await verdict.send(running.settings, batch, rate=600)
            await running.until_dead(point.process)
        running.start(point.process, **SESSION)
        await _settle(running, tables, point, records)


async def _settle(
    running: Scenario, tables: Tables, point: Point, records: list[FeedRecord]
) -> None:
    judgement = await running.judged(records, crawls=True)
    kills = running.kills[f"{point.process} at {point.boundary}"]
    table = tables.table(
        "crash matrix", "boundary", "process", "kills", "log equals fold", "models equal fold"
    )
    table.add(
        point.boundary, point.process, kills,
        _verdict([*judgement.behind, *judgement.log]), _verdict(judgement.models),
    )  # fmt: skip
    wrong = judgement.findings
    assert not wrong, f"{len(wrong)}: {wrong[:10]}\n{running.deployment.logs()}"


def _verdict(findings: list[str]) -> str:
    return f"NO: {findings[0]}" if findings else "yes"


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize("bug", planted.TRAPS)
async def test_a_planted_bug_turns_the_check_red(
    settings: Settings, tmp_path: Path, tables: Tables, bug: str
) -> None:
    trap = planted.TRAPS[bug]
    feed = Feed(SEED, settings.kafka_partitions, tickets=120)
    records = feed.take_older_returns() if bug == "no_raw_filter" else feed.take(4 * RECORDS)
    async with scenario(settings, tmp_path) as running:
        await verdict.send(running.settings, records)
        for name in ("worker", "projector"):
            crash = f"{trap.boundary}:2" if name == trap.process else ""
            running.start(name, crash_at=crash, planted=bug, **SESSION)
        await running.until_dead(trap.process)
        running.start(trap.process, planted=bug, **SESSION)
        if trap.late_duplicates:
            await verdict.until_still(running.settings, running.mongo, 60.0)
            await verdict.repeat_log(running.settings, trap.late_duplicates)
        wrong = await running.wrong(records, patience=30.0)
        table = tables.table("planted bugs", "bug", "death at", "findings", "the first")
        table.add(bug, trap.boundary, len(wrong), wrong[0] if wrong else "NOT CAUGHT")
        assert wrong, f"{bug} was not caught"
