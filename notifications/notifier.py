"""A notifier process: records the alerts that are due, and delivers them."""

import asyncio
from contextlib import AsyncExitStack
from typing import Final

import structlog

from domain.retry import RetryPolicy
from domain.topics import CHANGES
from infra.alerts import Alerts
from infra.checkpoints import Checkpoints
from infra.circuits import NOTIFY, circuits_of
from infra.consumption import consume
from infra.lifetime import work_until
from infra.log_reader import LogReader
from infra.measured_step import MeasuredStep
from infra.mongo import Mongo
from infra.settings import Settings
from infra.stage import Stage
from infra.startup import wait_for_engines
from notifications.call import Calls
from notifications.delivery import Delivery
from notifications.first_start import begin
from notifications.receiver import Receiver
from notifications.recording import CONSUMER, RecordingStep

log = structlog.get_logger()

_RETRIES: Final = RetryPolicy(first=0.5, longest=300.0)


async def run_notifier(
    settings: Settings, stop: asyncio.Event, retries: RetryPolicy = _RETRIES
) -> None:
    """Record and deliver until `stop` is set."""
    async with AsyncExitStack() as stack:
        mongo = Mongo(settings)
        stack.callback(mongo.close)
        await wait_for_engines(settings, mongo)
        reader = LogReader(settings)
        stack.push_async_callback(reader.stop)
        receiver = Receiver(
            settings.notify_to,
            seconds=settings.notify_timeout,
            connections=settings.alert_concurrency,
        )
        stack.push_async_callback(receiver.close)
        circuit = circuits_of(mongo, settings)[NOTIFY]
        alerts = Alerts(
            mongo, slots=settings.alert_concurrency, lease_seconds=settings.call_lease_seconds
        )
        calls = Calls(alerts, circuit, receiver, retries)
        delivery = Delivery(alerts, circuit, calls, settings.notify_timeout)
        checkpoints = Checkpoints(mongo, CONSUMER, CHANGES)
        await begin(mongo, reader, checkpoints, range(settings.kafka_partitions))
        step = RecordingStep(mongo, checkpoints, alerts, settings.alert_max_age, delivery.wake)
        stage = Stage(CHANGES, MeasuredStep(CONSUMER, step), checkpoints, reader)
        log.info("notifier_started")
        try:
            await work_until(
                stop,
                {
                    "recording": consume(settings, "deskstream.notifier", CHANGES, stage),
                    "delivery": delivery.run(),
                },
            )
        finally:
            log.info("notifier_stopped")
