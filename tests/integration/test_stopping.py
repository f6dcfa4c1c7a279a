"""Runs that are stopped, handed on or given up: real processes, asked through the API."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create_app
from dev.helpdesk.faults import AnyFault, Refusal, SlowAnswer
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from infra.settings import Settings
from tests.api.conftest import serving
from tests.faults.deployment import Process
from tests.faults.scenario import Scenario, scenario
from tests.integration.pipeline import eventually

pytestmark = pytest.mark.services

TENANT = "lumenfold"


class Operator:
    """A deployment, its helpdesk, and an API process to ask."""

    def __init__(self, helpdesk: HelpdeskServer, running: Scenario, api: httpx.AsyncClient) -> None:
        self.helpdesk = helpdesk
        self.running = running
        self.api = api

    async def begin(self, pages: int) -> str:
        """Start a run; return when it has read so many pages."""
        answer = await self.api.post(f"/ingest/run?tenant_id={TENANT}")
        job_id = str(answer.json()["job_id"])
        await eventually(lambda: self.progress(job_id), lambda job: job["pages_done"] >= pages)
        return job_id

    async def progress(self, job_id: str) -> dict[str, Any]:
        content: dict[str, Any] = (await self.api.get(f"/ingest/progress/{job_id}")).json()
        return content

    async def audits(self) -> list[tuple[str, str, list[str]]]:
        """Of every run that left one: job, status, errors."""
        logs = (await self.api.get(f"/ingest/logs?tenant_id={TENANT}")).json()["logs"]
        return [(log["job_id"], log["status"], log["errors"]) for log in logs]

    def calls(self) -> list[str]:
        return [record.query for record in self.helpdesk.requests("/external/support-tickets")]


@asynccontextmanager
async def operating(
    settings: Settings, directory: Path, fault: AnyFault, lease_seconds: float
) -> AsyncIterator[Operator]:
    """1,200 tickets on 12 pages, one worker, one projector, one API."""
    with HelpdeskServer(HelpdeskSettings(tickets=1200, limit=0)) as helpdesk:
        helpdesk.install_faults([fault])
        changes = {"helpdesk_url": helpdesk.url, "lease_seconds": lease_seconds}
        async with (
            scenario(settings, directory, **changes) as running,
            serving(create_app(running.settings)) as api,
        ):
            running.start("worker", "projector")
            yield Operator(helpdesk, running, api)


async def test_a_run_that_sleeps_is_stopped_at_once(settings: Settings, tmp_path: Path) -> None:
    refusal = Refusal(status=429, retry_after="60", page=3, times=None)
    async with operating(settings, tmp_path, refusal, lease_seconds=60) as operator:
        job_id = await operator.begin(pages=2)
        stopped = await operator.api.delete(f"/ingest/{job_id}?wait=5")
        calls = operator.calls()
        second = await operator.api.delete(f"/ingest/{job_id}")
        found = await eventually(operator.audits, bool)
        free = await operator.api.get(f"/ingest/lock/{TENANT}")

        assert (stopped.status_code, stopped.json()["phase"]) == (200, "cancelled")
        assert second.status_code == 409
        assert found == [(job_id, "CANCELLED", ["cancelled on request"])]
        assert not free.json()["locked"]
        counted = stopped.json()["counters"]
        assert counted["fetched"] == sum(counted.values()) - counted["fetched"] == 200
        assert operator.calls() == calls


async def test_a_worker_that_is_ended_hands_its_run_on(settings: Settings, tmp_path: Path) -> None:
    slow = SlowAnswer(seconds=0.5, times=None)
    async with operating(settings, tmp_path, slow, lease_seconds=60) as operator:
        workers = [operator.running.running["worker"]]
        operator.running.start("worker")
        workers.append(operator.running.running["worker"])
        for worker in workers:
            await said(worker, b"worker_started")
        job_id = await operator.begin(pages=2)
        first, second = sorted(workers, key=lambda w: b"crawl_began" not in w.log.read_bytes())
        first.popen.send_signal(signal.SIGTERM)
        await said(second, b"crawl_began")
        job = await eventually(
            lambda: operator.progress(job_id), lambda job: job["phase"] == "completed"
        )

        assert first.popen.wait(10) == 0
        assert job["counters"]["fetched"] == 1200
        assert max(operator.calls().count(query) for query in operator.calls()) <= 2
        arrivals = [one.arrived_monotonic for one in operator.helpdesk.requests("/external")]
        assert max(later - earlier for earlier, later in pairwise(arrivals)) < 4


async def test_a_run_that_nobody_resumes_is_ended_by_the_api(
    settings: Settings, tmp_path: Path
) -> None:
    slow = SlowAnswer(seconds=0.5, times=None)
    async with operating(settings, tmp_path, slow, lease_seconds=2) as operator:
        job_id = await operator.begin(pages=2)
        operator.running.running["worker"].kill()
        lost = await eventually(
            lambda: operator.progress(job_id), lambda job: job["phase"] == "applying"
        )
        operator.running.start("worker")
        found = await eventually(operator.audits, bool)
        again = await operator.api.post(f"/ingest/run?tenant_id={TENANT}")

        reason = "its worker was lost and nobody resumed it within 2 s"
        assert lost["errors"] == [reason]
        assert found == [(job_id, "INTERRUPTED", [reason])]
        assert again.status_code == 202


async def said(process: Process, words: bytes) -> None:
    """Wait until a process has logged these words."""
    await eventually(lambda: asyncio.to_thread(process.log.read_bytes), lambda log: words in log)
