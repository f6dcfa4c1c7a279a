"""Random faults from a seed, on engines of their own: the same log as if nothing had happened."""

import asyncio
import logging
import os
import random
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from dev.engines import Engines
from dev.helpdesk.faults import SlowAnswer
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from dev.kafka_jars import JARS, install_jars
from infra.publisher import Publisher
from infra.settings import Settings
from tests.faults import verdict
from tests.faults.crawls import Crawls
from tests.faults.feed import Feed, FeedRecord
from tests.faults.fleet import Fleet
from tests.faults.inputs import Inputs, write
from tests.faults.scenario import Scenario, scenario
from tests.faults.tables import Tables
from tests.faults.trouble import Entry, Trouble, plan

SAMPLE_SEED = 20261124
RATE = 300.0
PARTITIONS = 4
LAST_SECONDS = 120.0  # until all is still after the last fault


@pytest.fixture
def quiet_clients(caplog: pytest.LogCaptureFixture) -> None:
    """Clients of an engine that is away say so thousands of times."""
    caplog.set_level(logging.CRITICAL, "aiokafka")


@dataclass(frozen=True)
class Course:
    """How much is inflicted: so many faults, about one in `pace` seconds."""

    seed: int
    count: int
    pace: float
    helpdesk_tickets: int
    tickets: int = 400


@pytest.mark.services
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("quiet_clients")
async def test_ten_random_faults_change_nothing(tmp_path: Path, tables: Tables) -> None:
    await _disturbed(tmp_path, tables, Course(SAMPLE_SEED, 10, pace=0.8, helpdesk_tickets=200))


@pytest.mark.faults
@pytest.mark.timeout(7200)
@pytest.mark.usefixtures("quiet_clients")
async def test_three_hundred_random_faults_change_nothing(tmp_path: Path, tables: Tables) -> None:
    """`FAULT_SEED` and `FAULT_COUNT` name another seed, or another number of faults."""
    seed = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(10**6))
    count = int(os.environ.get("FAULT_COUNT") or 300)
    course = Course(seed, count, pace=2.5, helpdesk_tickets=1200, tickets=4000)
    await _disturbed(tmp_path, tables, course)


async def _disturbed(directory: Path, tables: Tables, course: Course) -> None:
    """Inflict faults under a feed and crawls; then hold all against an undisturbed run."""
    print(f"seed {course.seed}, {course.count} faults")
    install_jars(JARS)
    helpdesk_settings = HelpdeskSettings(tickets=course.helpdesk_tickets, limit=0)
    with (
        Engines.local(directory / "engines") as engines,
        HelpdeskServer(helpdesk_settings) as helpdesk,
    ):
        helpdesk.install_faults([SlowAnswer(seconds=0.5, times=None)])
        settings = _settings(engines, helpdesk.url)
        async with scenario(settings, directory / "disturbed") as running:
            records, wrong = await _inflicted(running, engines, helpdesk, course, tables)
            running.deployment.stop()
            log = await verdict.log_of(running.settings)
            wrong += await _unlike_undisturbed(settings, directory, records, log)
            report = f"seed {course.seed}\n{running.deployment.logs()}"
            assert not wrong, f"{len(wrong)}: {wrong[:10]}\n{report}"


async def _inflicted(
    running: Scenario,
    engines: Engines,
    helpdesk: HelpdeskServer,
    course: Course,
    tables: Tables,
) -> tuple[list[FeedRecord], list[str]]:
    """The records of the feed as they landed, and everything that is wrong after the faults."""
    feed = Feed(course.seed, PARTITIONS, tickets=course.tickets)
    inputs = Inputs(running.settings, feed, RATE)
    crawls = Crawls(running, helpdesk)
    fleet = Fleet(running.deployment, worker=2, projector=2)
    trouble = Trouble(running.settings, engines, fleet, inputs)
    faults = plan(course.seed, course.count, course.pace)
    try:
        await _amid(inputs, crawls, trouble.inflict(faults))
        records, wrong = await inputs.landed()
    finally:
        await inputs.stop()
        _report(tables, course, trouble.entries)
    wrong += await crawls.last_runs_wrong()
    wrong += await running.wrong(records, LAST_SECONDS)
    wrong += await crawls.wrong()
    fleet.replace_dead()
    outcomes = tables.table(f"what the {course.count} faults met", "records of the feed", "runs")
    outcomes.add(len(records), await crawls.outcomes())
    return records, wrong + fleet.wrong


async def _amid(inputs: Inputs, crawls: Crawls, trouble: Coroutine[Any, Any, None]) -> None:
    """Feed and crawl as long as the trouble lasts, and to the end of the last run."""
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(inputs.feed_until(over))
        group.create_task(crawls.go_on_until(over))
        await trouble
        over.set()


async def _unlike_undisturbed(
    settings: Settings,
    directory: Path,
    records: list[FeedRecord],
    log: dict[str, verdict.Event],
) -> list[str]:
    """How a log differs from that of a second deployment, with the same inputs and no faults."""
    async with scenario(settings, directory / "undisturbed") as calm:
        calm.start("worker", "projector")
        publisher = Publisher(calm.settings)
        await write(publisher, records)
        await publisher.stop()
        # It takes all at once what the other took while it was fed.
        patience = LAST_SECONDS + len(records) / RATE
        behind = await verdict.until_still(calm.settings, calm.mongo, patience)
        if behind:
            return [f"undisturbed: {name} lags by {count}" for name, count in behind.items()]
        return verdict.differences("undisturbed", await verdict.log_of(calm.settings), log)


def _settings(engines: Engines, helpdesk_url: str) -> Settings:
    return Settings(
        _env_file=None,
        kafka_bootstrap_servers=engines.kafka.bootstrap,
        mongodb_uri=SecretStr(engines.mongod.uri),
        kafka_partitions=PARTITIONS,
        helpdesk_url=helpdesk_url,
        helpdesk_rate_limit=0,
        helpdesk_timeout=2.0,
        breaker_open_seconds=1.0,
        lease_seconds=3.0,
    )


def _report(tables: Tables, course: Course, entries: list[Entry]) -> None:
    title = f"{len(entries)} random faults, seed {course.seed}"
    each = tables.table(title, "number", "seconds", "fault", "victim", "boundary", "what was done")
    kinds: Counter[tuple[str, str]] = Counter()
    for fault, at, hit in entries:
        each.add(fault.number, f"{at:.1f}", fault.kind, hit.victim, hit.boundary, hit.done)
        kinds[fault.kind, hit.victim] += 1
    counts = tables.table(f"counts of these {len(entries)} faults", "fault", "victim", "times")
    for (kind, victim), times in sorted(kinds.items()):
        counts.add(kind, victim, times)
