"""MongoDB and then Kafka stopped in mid-run: the run goes on by itself, and nothing is lost."""

import asyncio
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from dev.engine_process import EngineProcess
from dev.engines import Engines
from dev.helpdesk.faults import SlowAnswer
from dev.kafka_jars import JARS, install_jars
from tests.ingestion.desk import Desk, Layout, reconciled, running_desk
from tests.integration.pipeline import eventually

pytestmark = pytest.mark.services

TENANT = "lumenfold"
ROUTES = (
    f"/tickets?tenant_id={TENANT}", f"/ingest/status?tenant_id={TENANT}", "/health",
    f"/tenants/{TENANT}/stats", f"/ingest/logs?tenant_id={TENANT}", "/circuit/helpdesk/status",
    "/livez",
)  # fmt: skip


@pytest.mark.faults
@pytest.mark.timeout(200)
async def test_a_run_survives_outages_longer_than_its_lease(tmp_path: Path) -> None:
    await _outages(tmp_path, seconds=8.0, lease_seconds=3.0)


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_a_run_survives_a_minute_without_mongodb_and_one_without_kafka(
    tmp_path: Path,
) -> None:
    await _outages(tmp_path, seconds=60.0, lease_seconds=60.0)


async def _outages(directory: Path, *, seconds: float, lease_seconds: float) -> None:
    layout = Layout(workers=2, tickets=3000, lease_seconds=lease_seconds)
    install_jars(JARS)
    with Engines.local(directory / "engines") as engines:
        async with running_desk(engines, directory, layout) as desk:
            desk.helpdesk.install_faults([SlowAnswer(seconds=0.1, times=None)])
            job_id = await desk.begin(TENANT, pages=5)

            during = await _outage(desk, engines.mongod, seconds)
            await _read_on(desk, job_id, 15)
            assert during[503] > 0
            during += await _outage(desk, engines.kafka, seconds)
            ended = await desk.ended(job_id, patience=3 * lease_seconds + 60)

            assert set(during) <= {200, 409, 503}, f"never 500, never a second run: {during}"
            await _nothing_lost_or_doubled(desk, job_id)
            assert ended["status"] == "SUCCESS", ended["errors"]


async def _outage(desk: Desk, engine: EngineProcess, seconds: float) -> Counter[int]:
    """Stop an engine for so long; return what the API answered meanwhile, by status."""
    await asyncio.to_thread(engine.stop)
    answers: Counter[int] = Counter()
    over = time.monotonic() + seconds
    while time.monotonic() < over:
        found = await asyncio.gather(*(desk.apis[0].get(route) for route in ROUTES))
        answers.update(answer.status_code for answer in found)
        answers[(await desk.start_run(TENANT)).status_code] += 1
        assert all(_is_problem(answer) for answer in found if answer.status_code == 503)
    await asyncio.to_thread(engine.start)
    await asyncio.to_thread(engine.wait_ready)
    return answers


def _is_problem(answer: httpx.Response) -> bool:
    return answer.headers["content-type"] == "application/problem+json"


async def _read_on(desk: Desk, job_id: str, pages: int) -> None:
    async def pages_done() -> int:
        answer = await desk.apis[0].get(f"/ingest/progress/{job_id}")
        return int(answer.json()["pages_done"]) if answer.status_code == 200 else 0

    await eventually(pages_done, lambda done: done >= pages, patience=120)


async def _nothing_lost_or_doubled(desk: Desk, job_id: str) -> None:
    audit = await desk.audit(job_id)
    upstream = {str(ticket["id"]) for ticket in desk.helpdesk.tickets(TENANT)}
    assert reconciled(audit)
    assert (audit["fetched"], audit["new_ingested"]) == (3000, len(upstream))
    assert set(await desk.tickets(TENANT)) == upstream
    history = await desk.mongo["ticket_history"].count_documents({"tenant_id": TENANT})
    assert history == len(upstream), "one event per ticket"
    assert len(await desk.audits(TENANT)) == 1
    assert await desk.pipeline.dead_letters() == [], "what only has to wait is no dead letter"
