"""`kill -9` at any moment: the log and the read models are those of a run that nobody touched."""

import asyncio
from pathlib import Path

import pytest

from dev.helpdesk.faults import SlowAnswer
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from infra.settings import Settings
from tests.faults import verdict
from tests.faults.feed import Feed
from tests.faults.scenario import Scenario, runs_of, scenario
from tests.integration.pipeline import eventually

SEED = 20261124


@pytest.mark.faults
@pytest.mark.services
async def test_killed_processes_change_nothing(settings: Settings, tmp_path: Path) -> None:
    await _killed(settings, tmp_path, seconds=20, rate=250, kills=6)


@pytest.mark.faults
@pytest.mark.timeout(900)
async def test_twenty_kills_in_five_minutes_change_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    await _killed(settings, tmp_path, seconds=300, rate=500, kills=20)


async def _killed(
    settings: Settings, directory: Path, *, seconds: int, rate: int, kills: int
) -> None:
    """A feed and a crawl, with worker and projector killed in turn."""
    records = Feed(SEED, settings.kafka_partitions).take(seconds * rate)
    with HelpdeskServer(HelpdeskSettings(tickets=1200, limit=0)) as helpdesk:
        helpdesk.install_faults([SlowAnswer(seconds=min(seconds / 20, 4.0), times=None)])
        async with scenario(
            settings, directory, helpdesk_url=helpdesk.url, lease_seconds=4.0
        ) as running:
            running.start("worker", "projector")
            job = await runs_of(running).request("lumenfold")
            sending = asyncio.create_task(verdict.send(running.settings, records, rate))
            await running.kill_in_turn(kills, seconds, SEED)
            await sending
            wrong = await _crawl_wrong(running, job["_id"], helpdesk)
            wrong += await running.wrong(records)
            report = f"{dict(running.kills)}\n{running.deployment.logs()}"
            assert not wrong, f"{len(wrong)}: {wrong[:10]}\n{report}"
            print(f"\nkilled: {dict(running.kills)}")


async def _crawl_wrong(running: Scenario, job_id: str, helpdesk: HelpdeskServer) -> list[str]:
    """What is wrong with the run that was under way: it completed, once, with exact counters."""
    jobs = runs_of(running)
    job = await eventually(
        lambda: jobs.find(job_id), lambda j: j["phase"] not in ("queued", "fetching", "applying")
    )
    logs = running.mongo["ingestion_logs"]
    audit = await eventually(lambda: logs.find_one({"_id": job_id}))
    live = helpdesk.counts()["lumenfold"]
    counted = sum(
        audit[name]
        for name in (
            "new_ingested", "updated", "restored", "unchanged",
            "stale", "rejected", "foreign", "duplicates",
        )
    )  # fmt: skip
    checks = {
        f"the run ended as {job['phase']}: {job['errors']}": job["phase"] == "completed",
        f"fetched {audit['fetched']}, accounted for {counted}": audit["fetched"] == counted,
        f"{audit['new_ingested']} new of {live}": audit["new_ingested"] == live,
        f"{audit['pages']} pages": audit["pages"] == 12,
        "more than one audit": await logs.count_documents({}) == 1,
        "tickets missing": await running.mongo["tickets"].count_documents(
            {"tenant_id": "lumenfold", "version": 1}
        )
        == live,
    }
    return [finding for finding, holds in checks.items() if not holds]
