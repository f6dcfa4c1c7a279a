"""A crawl that its worker cannot go on with, and the worker that goes on with it."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from dev.engines import Engines
from dev.helpdesk.faults import SlowAnswer
from tests.faults.deployment import Process
from tests.ingestion.desk import Desk, Layout, reconciled, running_desk, until

pytestmark = pytest.mark.services

TENANT = "lumenfold"
PAGE_SECONDS = 0.3
_BEGAN = r"crawl_began .* page=(\d+)"


async def test_sigterm_hands_a_crawl_to_another_worker(engines: Engines, tmp_path: Path) -> None:
    layout = Layout(workers=2, tickets=1500, lease_seconds=60.0)
    async with running_desk(engines, tmp_path, layout) as desk:
        desk.helpdesk.install_faults([SlowAnswer(seconds=PAGE_SECONDS, times=None)])
        job_id = await desk.begin(TENANT, pages=5)
        crawling = _crawling(desk)

        stored = (await desk.progress(job_id))["pages_done"]
        crawling.terminate()
        exited = await until(lambda: _exit_code(crawling), lambda code: code is not None, 10)
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


def _crawling(desk: Desk) -> Process:
    (process,) = (w for w in desk.workers if b"crawl_began" in w.log.read_bytes())
    return process


def _resumed_at(desk: Desk, crawling: Process) -> int:
    """The page at which another worker went on."""
    logs = (worker.log.read_text() for worker in desk.workers if worker is not crawling)
    (page,) = (int(found[1]) for log in logs for found in re.finditer(_BEGAN, log))
    return page


def _assert_read_on(desk: Desk, resumed_at: int, pages: int) -> None:
    """Every page was read; once, but for those under way when the first worker ended."""
    read = desk.pages_read()
    assert sorted(set(read)) == list(range(1, pages + 1))
    again = [page for page in set(read) if read.count(page) > 1]
    assert again in ([], [resumed_at])


async def _exit_code(process: Process) -> int | None:
    return process.popen.poll()
