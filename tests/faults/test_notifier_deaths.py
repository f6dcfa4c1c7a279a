"""Notifiers that die or stand still: no alert is lost, and at most what was out is sent twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from domain.circuit import Admission
from infra.circuits import NOTIFY, circuits_of
from infra.mongo import Mongo
from infra.settings import Settings
from tests.faults import matrix
from tests.faults.deployment import Process, deployed
from tests.faults.matrix import Point
from tests.faults.tables import Tables
from tests.integration.pipeline import eventually
from tests.notifications.notified import Notified, notified, urgent

pytestmark = pytest.mark.services

ALERTS = 8


@pytest.fixture
async def desk(settings: Settings, mongo: Mongo, topics: None) -> AsyncIterator[Notified]:
    """A receiver that takes everything."""
    with HelpdeskServer(HelpdeskSettings(tickets=5, limit=0, notify_failures=0)) as receiver:
        async with notified(settings, mongo, receiver) as desk:
            yield desk


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", matrix.NOTIFIER, ids=lambda point: point.boundary)
async def test_death_at_a_boundary_of_a_notifier(
    desk: Notified, tmp_path: Path, tables: Tables, point: Point
) -> None:
    """Three times each."""
    sent = await _die_at(desk, tmp_path, point, deaths=3)
    table = tables.table("notifier", "boundary", "kills", "alerts", "lost", "sent twice")
    table.add(point.boundary, 3, 3 * ALERTS, 0, sum(times > 1 for times in sent.values()))


@pytest.mark.faults
@pytest.mark.timeout(120)
async def test_death_behind_the_receivers_answer(desk: Notified, tmp_path: Path) -> None:
    """What was out is sent once more: nobody knows that it was heard."""
    (point,) = [point for point in matrix.NOTIFIER if point.boundary == "alert_sent"]
    sent = await _die_at(desk, tmp_path, point, deaths=1)
    assert 2 in sent.values()


async def _die_at(desk: Notified, tmp_path: Path, point: Point, deaths: int) -> Counter[str]:
    """How often the receiver heard each alert."""
    settings = desk.settings.model_copy(update={"notify_timeout": 0.75})
    with deployed(settings, tmp_path) as deployment:
        for death in range(deaths):
            mortal = deployment.start("notifier", crash_at=f"{point.boundary}:{point.times}")
            await eventually(desk.has_begun, bool)
            await desk.publish(urgent(ALERTS, f"tenant-{death}"))
            await asyncio.to_thread(mortal.wait, 60)
            assert mortal.last_boundary() == point.boundary
        deployment.start("notifier")
        await desk.until(delivered=deaths * ALERTS)

    sent = Counter(str(call.idempotency_key) for call in desk.calls())
    assert set(sent) == {alert["_id"] for alert in await desk.alerts()}
    assert sent.total() <= deaths * (ALERTS + desk.settings.alert_concurrency)
    return sent


@pytest.mark.timeout(120)
async def test_a_call_that_was_let_out_stays_in_if_the_circuit_opens_before(
    desk: Notified, tmp_path: Path
) -> None:
    settings = desk.settings.model_copy(
        update={"notify_timeout": 30.0, "breaker_open_seconds": 600.0}
    )
    circuit = circuits_of(desk.mongo, settings)[NOTIFY]
    with deployed(settings, tmp_path) as deployment:
        stalled = deployment.start("notifier", crash_at="alert_claimed:1", FAULT_SIGNAL="SIGSTOP")
        await eventually(desk.has_begun, bool)
        await desk.publish(urgent())
        await eventually(stalled.is_suspended, bool)
        for _ in range(settings.breaker_failures):
            admission = await circuit.admit()
            assert isinstance(admission, Admission)
            await circuit.report(admission, succeeded=False)
        stalled.resume()
        await eventually(lambda: _says(stalled, "call_not_let_out"), bool)
        (alert,) = await eventually(lambda: desk.alerts(slot={"$exists": False}), bool)

    assert (alert["state"], alert["calls"]) == ("pending", 0)
    assert desk.calls() == []


async def _says(process: Process, event: str) -> bool:
    return event in process.log.read_text()


@pytest.mark.timeout(120)
async def test_a_notifier_that_stood_still_sends_nothing_that_another_sent(
    desk: Notified, tmp_path: Path
) -> None:
    settings = desk.settings.model_copy(update={"notify_timeout": 0.75})
    with deployed(settings, tmp_path) as deployment:
        stalled = deployment.start("notifier", crash_at="alert_claimed:1", FAULT_SIGNAL="SIGSTOP")
        await eventually(desk.has_begun, bool)
        await desk.publish(urgent(ALERTS))
        await eventually(stalled.is_suspended, bool)
        deployment.start("notifier")
        await desk.until(delivered=ALERTS)
        stalled.resume()
        await eventually(lambda: _says(stalled, "alert_claimed_too_long_ago"), bool)

    assert Counter(call.idempotency_key for call in desk.calls()) == {
        alert["_id"]: 1 for alert in await desk.alerts()
    }
