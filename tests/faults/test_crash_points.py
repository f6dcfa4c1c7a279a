"""Death at each named boundary, and the planted bugs that these deaths must uncover."""

from functools import partial
from pathlib import Path

import pytest

from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from infra.settings import Settings
from tests.faults import verdict
from tests.faults.feed import Feed
from tests.faults.scenario import runs_of, scenario
from tests.integration.pipeline import eventually

RECORDS = 1500
SEED = 7
WORKER = (
    "classified_batch", "classified_published", "classified_checkpointed",
    "sync_folded", "sync_state_written", "sync_before_commit", "sync_committed", "sync_published",
    "leftovers_published",
)  # fmt: skip
PROJECTOR = (
    "projector_folded", "projector_written", "projector_before_commit", "projector_committed",
)  # fmt: skip
CRAWL = ("after_fetch", "page_counted", "page_stored", "page_published", "run_settled")


@pytest.mark.services
async def test_death_between_a_first_write_and_its_commit(
    settings: Settings, tmp_path: Path
) -> None:
    """The open transaction blocks nobody: the successor ends it."""
    await _die_at(settings, tmp_path, ["worker:sync_state_written", "projector:projector_written"])


@pytest.mark.faults
@pytest.mark.timeout(1800)
async def test_death_at_every_boundary_three_times(settings: Settings, tmp_path: Path) -> None:
    points = [f"worker:{p}" for p in WORKER] + [f"projector:{p}" for p in PROJECTOR]
    await _die_at(settings, tmp_path, points * 3)


@pytest.mark.faults
@pytest.mark.timeout(900)
async def test_death_at_every_boundary_of_a_crawl(settings: Settings, tmp_path: Path) -> None:
    with HelpdeskServer(HelpdeskSettings(tickets=900, limit=0)) as helpdesk:
        async with scenario(
            settings, tmp_path, helpdesk_url=helpdesk.url, lease_seconds=2.0
        ) as running:
            running.start("projector")
            for number, point in enumerate(CRAWL * 3):
                running.start("worker", crash_at=f"{point}:1")
                job = await runs_of(running).request("harbortide")
                await running.until_dead("worker")
                running.start("worker")
                ended = await eventually(
                    partial(runs_of(running).find, job["_id"]),
                    lambda j: j["phase"] not in ("queued", "fetching", "applying"),
                )
                running.running["worker"].kill()
                assert ended["phase"] == "completed", f"{point}: {ended['errors']}"
                live = helpdesk.counts()["harbortide"]
                tally = ended["tally"]
                outcome = "unchanged" if number else "new_ingested"
                assert tally[outcome] == live, f"{point}: {tally}"
            print(f"\nkilled: {dict(running.kills)}")


async def _die_at(settings: Settings, directory: Path, points: list[str]) -> None:
    """Feed, die at one boundary after the other, and hold the outcome against the oracle."""
    feed = Feed(SEED, settings.kafka_partitions)
    records = []
    async with scenario(settings, directory) as running:
        running.start("worker", "projector")
        for point in points:
            service, boundary = point.split(":")
            running.running[service].kill()
            times = 1 if boundary == "leftovers_published" else 2
            running.start(service, crash_at=f"{boundary}:{times}")
            batch = feed.take(RECORDS)
            records += batch
            await verdict.send(running.settings, batch, rate=600)
            await running.until_dead(service)
            running.start(service)
        wrong = await running.wrong(records)
        assert not wrong, f"{len(wrong)}: {wrong[:10]}\n{running.deployment.logs()}"
        print(f"\nkilled: {dict(running.kills)}")


PLANTED = {
    "guarded_upsert": "worker:sync_published",
    "ack_before_publish": "worker:sync_committed",
    "outbox_not_republished": "worker:sync_committed",
    "no_raw_filter": "worker:classified_published",
    "checkpoint_outside_transaction": "projector:projector_before_commit",
}


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize("bug", PLANTED)
async def test_a_planted_bug_turns_the_check_red(
    settings: Settings, tmp_path: Path, bug: str
) -> None:
    service, boundary = PLANTED[bug].split(":")
    feed = Feed(SEED, settings.kafka_partitions, tickets=120)
    records = feed.take_older_returns() if bug == "no_raw_filter" else feed.take(4 * RECORDS)
    async with scenario(settings, tmp_path) as running:
        await verdict.send(running.settings, records)
        for name in ("worker", "projector"):
            crash = f"{boundary}:2" if name == service else ""
            running.start(name, crash_at=crash, planted=bug)
        await running.until_dead(service)
        running.start(service, planted=bug)
        wrong = await running.wrong(records, patience=30.0)
        assert wrong, f"{bug} was not caught"
        print(f"\n{bug}: {len(wrong)} findings, the first: {wrong[0]}")
