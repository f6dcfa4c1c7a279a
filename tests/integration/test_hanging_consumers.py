"""A Kafka client that never ends, as with no broker there, keeps no process from ending."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from structlog.testing import capture_logs

from infra.settings import Settings
from notifications.notifier import run_notifier
from streams.worker import run_worker
from tests.integration.pipeline import eventually

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

Service = Callable[[Settings, asyncio.Event], Awaitable[None]]


# What is left behind is closed by the end of the process; here there is none.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("worker", run_worker),
        pytest.param("notifier", run_notifier, marks=pytest.mark.faults),
    ],
    ids=["worker", "notifier"],
)
async def test_a_process_ends_within_ten_seconds_though_its_consumer_does_not(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str, service: Service
) -> None:
    close = AIOKafkaConsumer.stop
    stop = asyncio.Event()
    with capture_logs() as logs:
        running = asyncio.ensure_future(service(settings, stop))
        await eventually(lambda: _events(logs), lambda events: f"{name}_started" in events)

        async def hang(consumer: Any) -> None:
            await close(consumer)
            if consumer._group_id is not None:
                await asyncio.Event().wait()

        monkeypatch.setattr(AIOKafkaConsumer, "stop", hang)
        stop.set()
        await asyncio.wait({running}, timeout=9.5)
        ended = running.done()
        running.cancel()

    assert ended
    assert "consumer_abandoned" in await _events(logs)


async def _events(logs: list[Any]) -> set[str]:
    return {entry["event"] for entry in logs}
