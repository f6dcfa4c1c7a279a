"""Consuming with Faust: an application that Kafka failed is made anew, however often."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import structlog
from aiokafka.errors import KafkaError

from domain.topics import CLASSIFIED, RAW
from infra.backoff import Backoff
from infra.kafka_security import KafkaRefusedError
from infra.lifetime import until_one_ends
from infra.settings import Settings
from infra.stage import Stage
from streams.faust_app import FaustApp, create_faust_app

log = structlog.get_logger()

_TEND_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 5.0
_ABANDON_SECONDS: Final = 1.0


async def consume(
    settings: Settings,
    stages: Mapping[str, Stage],
    wake: Callable[[], None],
    started: Callable[[], None],
) -> None:
    """Feed the stages of `tickets.raw` and `tickets.classified` until cancelled.

    `started` is called each time that an application has started.  Kafka may go away at any
    moment, also between two steps of a start.
    """
    backoff = Backoff()
    while True:
        try:
            app = create_faust_app(
                settings, classify=stages[RAW].absorb, sync=stages[CLASSIFIED].absorb, wake=wake
            )
        except KafkaRefusedError as error:  # a certificate that is being replaced
            log.warning("consumer_restarted", reason=str(error))
            await backoff.sleep()
            continue
        try:
            await app.start()
            started()
            backoff.reset()
            await _until_stopped(app, _tend(settings, app, stages))
        except KafkaError as error:
            log.warning("consumer_restarted", reason=repr(error))
        finally:
            await _stop(app)
        await backoff.sleep()


async def _until_stopped(app: FaustApp, tending: Coroutine[Any, Any, None]) -> None:
    """Tend the stages until the application stops; raise what ended it."""
    await until_one_ends({"application": app.wait_until_stopped(), "tending": tending})
    if app.crash_reason is not None:
        raise app.crash_reason


async def _tend(settings: Settings, app: FaustApp, stages: Mapping[str, Stage]) -> None:
    """Once a second, have each stage look after the partitions that Kafka gave this worker."""
    while True:
        await asyncio.sleep(_TEND_SECONDS)
        assigned = app.consumer.assignment()
        for topic, stage in stages.items():
            name = settings.topic(topic)
            await stage.tend({place.partition for place in assigned if place.topic == name})


async def _stop(app: FaustApp) -> None:
    """Stop the application; what does not end by itself is ended."""
    stopping = asyncio.ensure_future(app.stop())
    await asyncio.wait({stopping}, timeout=_STOP_SECONDS)
    if not stopping.done():
        log.warning("faust_stop_abandoned", seconds=_STOP_SECONDS)
        app.consumer.abandon()
        await asyncio.wait({stopping}, timeout=_ABANDON_SECONDS)
        stopping.cancel()
        await asyncio.wait({stopping}, timeout=_ABANDON_SECONDS)
    elif not stopping.cancelled() and (error := stopping.exception()) is not None:
        raise error
    # A start that fails early leaves the event loop of a thread that never ran.
    loop = app.consumer._thread.thread_loop
    if not loop.is_running():
        loop.close()
