"""Notifiers that die or stand still: no alert is lost, and at most what was out is sent twice."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from tests.faults import matrix
from tests.faults.deployment import Process, deployed
from tests.faults.matrix import Point
from tests.integration.pipeline import eventually
from tests.notifications.notified import Notified, urgent

pytestmark = pytest.mark.services

ALERTS = 8


@pytest.mark.timeout(120)
@pytest.mark.parametrize("point", matrix.NOTIFIER, ids=lambda point: point.boundary)
async def test_death_at_a_boundary_of_a_notifier(
    desk: Notified, tmp_path: Path, point: Point
) -> None:
    settings = desk.settings.model_copy(update={"notify_timeout": 0.75})
    with deployed(settings, tmp_path) as deployment:
        mortal = deployment.start("notifier", crash_at=f"{point.boundary}:{point.times}")
        await eventually(desk.has_begun, bool)
        await desk.publish(urgent(ALERTS))
        await asyncio.to_thread(mortal.wait, 60)
        assert mortal.last_boundary() == point.boundary
        deployment.start("notifier")
        await desk.until(delivered=ALERTS)

    sent = Counter(call.idempotency_key for call in desk.calls())
    assert set(sent) == {alert["_id"] for alert in await desk.alerts()}
    assert sent.total() <= ALERTS + desk.settings.alert_concurrency
    assert set(sent.values()) <= {1, 2}


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
