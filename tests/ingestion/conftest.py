"""One deployment for all tests that harm no process; the others start their own."""

from collections.abc import AsyncIterator, Generator

import pytest
import pytest_asyncio

from dev.engines import Engines
from tests.ingestion.desk import Desk, Layout, running_desk


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_desk(
    engines: Engines, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Desk]:
    """Two workers, two APIs and a helpdesk of 300 tickets, for the whole session."""
    directory = tmp_path_factory.mktemp("desk")
    async with running_desk(engines, directory, Layout(workers=2, apis=2, tickets=300)) as desk:
        yield desk


@pytest_asyncio.fixture(loop_scope="session")
async def desk(shared_desk: Desk) -> AsyncIterator[Desk]:
    """The shared deployment, its helpdesk sound; each test uses tenants of its own."""
    shared_desk.helpdesk.remove_faults()
    shared_desk.helpdesk.forget_requests()
    await shared_desk.forgive()
    assert (await shared_desk.apis[0].post("/circuit/helpdesk/reset")).status_code == 200
    yield shared_desk
    shared_desk.helpdesk.remove_faults()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the shared processes logged beside the failure of a test."""
    report = yield
    desk = getattr(item, "funcargs", {}).get("desk")
    if report.failed and desk is not None:
        report.sections.append(("processes", desk.deployment.logs()))
    return report
