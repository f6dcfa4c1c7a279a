"""A crawl that its worker cannot go on with, and the worker that goes on with it."""

import re
import time
from itertools import pairwise
from pathlib import Path

import pytest

from dev.engines import Engines
from dev.helpdesk.faults import SlowAnswer
from tests.faults.deployment import Process
from tests.ingestion.desk import Desk, Layout, reconciled, running_desk, said, started
from tests.integration.pipeline import eventually

pytestmark = pytest.mark.services

TENANT = "lumenfold"
PAGE_SECONDS = 0.3
_BEGAN = r"crawl_began .* page=(\d+)"


@pytest.mark.faults
async def test_sigterm_hands_a_crawl_to_another_worker(engines: Engines, tmp_path: Path) -> None:
    layout = Layout(workers=2, tickets=1500, lease_seconds=60.0)
    async with running_desk(engines, tmp_path, layout) as desk:
        desk.helpdesk.install_faults([SlowAnswer(seconds=PAGE_SECONDS, times=None)])
        job_id = await desk.begin(TENANT, pages=5)
        crawling = _crawling(desk)

        stored = (await desk.progress(job_id))["pages_done"]
        crawling.terminate()
        exited = await eventually(lambda: _exit_code(crawling), lambda code: code is not None, 10)
        ended = await desk.ended(job_id)
        audit = await desk.audit(job_id)

        assert exited == 0
        assert (ended["status"], audit["fetched"]) == ("SUCCESS", 1500)
        assert reconciled(audit)
        resumed_at = _resumed_at(desk, crawling)
        assert resumed_at > stored
        _assert_read_on(desk, resumed_at, pages=15)
        asked = [call.arrived_monotonic for call in desk.calls()]
        assert max(later - one for one, later in pairwise(asked)) < PAGE_SECONDS + 2


async def test_a_killed_crawl_is_resumed_from_the_page_it_had_reached(
    engines: Engines, tmp_path: Path
) -> None:
    async with running_desk(engines, tmp_path, Layout(workers=0, tickets=9500)) as desk:
        desk.helpdesk.install_faults([SlowAnswer(seconds=0.1, times=None)])
        first = desk.start_worker(crash_at="page_published:60")
        job_id = await desk.begin(TENANT, pages=1)
        desk.start_worker()
        await eventually(lambda: _exit_code(first), lambda code: code is not None)
        gone = [str(ticket["id"]) for ticket in desk.helpdesk.tickets(TENANT)[:3]]
        desk.helpdesk.remove(TENANT, *gone)  # what was on page 61 begins on page 60 now
        ended = await desk.ended(job_id)
        audit = await desk.audit(job_id)

        assert first.last_boundary() == "page_published"
        assert (ended["status"], audit["deleted"]) == ("SUCCESS", 0)  # they were shown before
        assert reconciled(audit)
        assert audit["new_ingested"] == len(desk.helpdesk.tickets(TENANT)) + len(gone)
        assert _resumed_at(desk, first) == 61
        read = desk.pages_read()
        assert [page for page in range(1, 60) if read.count(page) != 1] == []
        assert sorted(set(read)) == list(range(1, 96))


@pytest.mark.parametrize("phase", ["fetching", pytest.param("completed", marks=pytest.mark.faults)])
async def test_a_worker_that_was_frozen_beyond_its_lease_does_nothing_more(
    engines: Engines, tmp_path: Path, phase: str
) -> None:
    async with running_desk(engines, tmp_path, Layout(workers=2, tickets=2500)) as desk:
        desk.helpdesk.install_faults([SlowAnswer(seconds=PAGE_SECONDS, times=None)])
        job_id = await desk.begin(TENANT, pages=5)
        frozen = _crawling(desk)
        frozen.suspend()
        await eventually(
            lambda: desk.progress(job_id), lambda j: j["pages_done"] >= 9 and j["phase"] == phase
        )
        frozen.resume()
        await said(frozen, b"crawl_lost")
        ended, audit = await desk.ended(job_id), await desk.audit(job_id)
        tickets = await desk.tickets(TENANT)

        assert (ended["status"], audit["fetched"]) == ("SUCCESS", 2500)
        assert reconciled(audit)
        _assert_read_on(desk, _resumed_at(desk, frozen), pages=25)
        assert len(tickets) == audit["new_ingested"]
        assert (await desk.ingest(TENANT))["unchanged"] == len(tickets)
        assert await desk.audit(job_id) == audit
        assert await desk.tickets(TENANT) == tickets
        assert {len(await desk.history(TENANT, id_)) for id_ in list(tickets)[:50]} == {1}


@pytest.mark.faults
async def test_a_worker_that_dies_while_it_stores_a_page_is_replaced(
    engines: Engines, tmp_path: Path
) -> None:
    layout = Layout(workers=0, tickets=3000)
    async with running_desk(engines, tmp_path, layout) as desk:
        desk.helpdesk.install_faults([SlowAnswer(seconds=PAGE_SECONDS, times=None)])
        first = desk.start_worker(crash_at="page_counted:25")
        job_id = await desk.begin(TENANT, pages=1)
        await started([desk.start_worker()])
        assert first.is_alive, "it died before there was another"
        await eventually(lambda: _exit_code(first), lambda code: code is not None)
        died_at = time.monotonic()
        ended = await desk.ended(job_id)
        audit = await desk.audit(job_id)

        assert (ended["status"], audit["fetched"]) == ("SUCCESS", 3000)
        assert reconciled(audit)
        assert _resumed_at(desk, first) == 25
        _assert_read_on(desk, 25, pages=30)
        asked = [c.arrived_monotonic for c in desk.calls() if c.arrived_monotonic > died_at]
        assert asked[0] - died_at < 2 * layout.lease_seconds


def _crawling(desk: Desk) -> Process:
    (process,) = (w for w in desk.workers if b"crawl_began" in w.log.read_bytes())
    return process


def _resumed_at(desk: Desk, crawling: Process) -> int:
    """The page at which another worker went on."""
    logs = (worker.log.read_text() for worker in desk.workers if worker is not crawling)
    (page,) = (int(found[1]) for log in logs for found in re.finditer(_BEGAN, log))
    return page


def _assert_read_on(desk: Desk, resumed_at: int, pages: int) -> None:
    """Every page was read; once, but for what the first worker had not stored yet.

    While one page is stored, the next is on its way.
    """
    read = desk.pages_read()
    assert sorted(set(read)) == list(range(1, pages + 1))
    again = {page for page in read if read.count(page) > 1}
    assert again <= {resumed_at, resumed_at + 1}


async def _exit_code(process: Process) -> int | None:
    return process.popen.poll()
