"""The helpdesk's limit, as the helpdesk's own log shows it."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dev.engines import Engines
from dev.helpdesk.faults import AnyFault, EmptyPage, WrongTotal
from dev.helpdesk.generator import SAMPLE_TENANTS
from dev.helpdesk.records import RequestRecord
from domain.sweeps import PAGE_SIZE
from infra import collections
from tests.ingestion.desk import Desk, Layout, reconciled, running_desk, said
from tests.integration.pipeline import eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

LIMIT = 60
RESERVED = 4  # for runs that had few calls in the window
FIRST, SECOND, *_ = SAMPLE_TENANTS


FULL_PERIOD = 60.0  # of which 5 % are more than other work on the machine takes
FULL_SIZE = pytest.param(FULL_PERIOD, marks=[pytest.mark.faults, pytest.mark.timeout(600)])


# Much less than 5 s would ask for more pages than two busy cores can read: 17 a second.
@pytest.mark.parametrize("period", [5.0, FULL_SIZE])
async def test_four_long_crawls_never_exceed_the_limit(
    engines: Engines, tmp_path: Path, period: float
) -> None:
    layout = Layout(workers=3, tickets=9500, tenants=SAMPLE_TENANTS, limit=LIMIT, period=period)
    async with running_desk(engines, tmp_path, layout) as desk:
        jobs = await _begun_apart(desk, SAMPLE_TENANTS)
        await asyncio.gather(*(desk.ended(job_id, patience=8 * period + 60) for job_id in jobs))
        audits = [await desk.audit(job_id) for job_id in jobs]
        calls = desk.calls()

        assert [(audit["status"], audit["fetched"]) for audit in audits] == [("SUCCESS", 9500)] * 4
        assert all(map(reconciled, audits))
        assert len(await desk.mongo[collections.JOBS].distinct("worker")) == layout.workers
        assert len(calls) == 4 * 95
        _assert_within_limit(calls, layout)
        if layout.period >= FULL_PERIOD:
            _assert_at_the_pace_of_the_limit(calls, layout)


@pytest.mark.faults
async def test_a_worker_that_is_killed_leaves_its_calls_in_the_window(
    engines: Engines, tmp_path: Path
) -> None:
    layout = Layout(tickets=7000, limit=LIMIT, period=15.0, lease_seconds=2.0)
    async with running_desk(engines, tmp_path, layout) as desk:
        job_id = await desk.begin(FIRST, pages=LIMIT - RESERVED)
        desk.workers[0].kill()
        await said(desk.start_worker(), b"crawl_began")
        resumed_after = time.monotonic() - desk.calls()[0].arrived_monotonic
        ended = await desk.ended(job_id)

        assert resumed_after < layout.period - 1, "the window was over before the crawl went on"
        assert (ended["status"], ended["pages_done"]) == ("SUCCESS", 70)
        assert reconciled(await desk.audit(job_id))
        _assert_within_limit(desk.calls(), layout)


@pytest.mark.faults
async def test_a_small_run_does_not_wait_for_a_long_one(engines: Engines, tmp_path: Path) -> None:
    """A helpdesk has no tenant filter: how many pages a run reads is not a matter of its tenant.

    So the helpdesk shrinks to four pages behind the long run, which has read those already.
    """
    layout = Layout(workers=2, tickets=9500, limit=LIMIT, period=15.0)
    async with running_desk(engines, tmp_path, layout) as desk:
        long = await desk.begin(FIRST, pages=LIMIT - RESERVED)
        asked = len(desk.calls())
        desk.helpdesk.install_faults(_shrunk(layout.tickets, RESERVED))
        small = await desk.ingest(SECOND)
        calls = desk.calls()

        took = calls[-1].arrived_monotonic - calls[0].arrived_monotonic
        assert desk.pages_read()[asked:] == [1, 2, 3, 4]
        assert (small["status"], small["fetched"], small["pages"]) == ("SUCCESS", 300, RESERVED)
        assert took < layout.period, "the window was over before the small run had read its pages"
        assert asked == await _pages_done(desk, long) == LIMIT - RESERVED
        _assert_within_limit(calls, layout)
        await desk.cancel(long)


def _shrunk(tickets: int, pages: int) -> list[AnyFault]:
    """Of a helpdesk of so many tickets show only the first pages, the last of them empty."""
    gone = (pages - 1) * PAGE_SIZE - tickets
    counts = [WrongTotal(by=gone, page=page, times=None) for page in range(1, pages + 1)]
    return [*counts, EmptyPage(page=pages, times=None)]


async def _begun_apart(desk: Desk, tenants: Sequence[str]) -> list[str]:
    """A run for each tenant, the workers taking turns: any could take all before others wake."""
    jobs = []
    for number, tenant in enumerate(tenants):
        others = [w for n, w in enumerate(desk.workers) if n != number % len(desk.workers)]
        for other in others:
            other.suspend()
        try:
            job_id = await desk.begin(tenant)
            await eventually(partial(desk.progress, job_id), _is_taken)
            jobs.append(job_id)
        finally:
            for other in others:
                other.resume()
    return jobs


def _is_taken(job: dict[str, Any]) -> bool:
    return bool(job["phase"] != "queued")


def _assert_within_limit(calls: Sequence[RequestRecord], layout: Layout) -> None:
    """No window of a period holds more calls than allowed, and none was refused."""
    refused = [call for call in calls if call.refused_by_limit or call.status == 429]
    assert refused == []
    moments = [call.arrived_monotonic for call in calls]
    spans = [later - one for one, later in zip(moments, moments[layout.limit :], strict=False)]
    assert min(spans, default=layout.period) >= layout.period


def _assert_at_the_pace_of_the_limit(calls: Sequence[RequestRecord], layout: Layout) -> None:
    """Behind a first burst, within 5 % of what the limit imposes."""
    moments = [call.arrived_monotonic for call in calls]
    periods, first = divmod(len(moments) - 1, layout.limit - RESERVED)
    imposed = periods * layout.period
    burst, beyond = moments[first] - moments[0], moments[-1] - moments[first] - imposed
    print(f"\n{burst:.2f} s of burst, {imposed} s of limit, {beyond:.2f} s beyond")  # noqa: T201
    assert beyond < 0.05 * imposed


async def _pages_done(desk: Desk, job_id: str) -> int:
    return int((await desk.progress(job_id))["pages_done"])
