"""Running a command: settings and logs first; an error on purpose is one line and an exit code."""

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import typer

# Commands import what they need when they run: `deskstream --help` answers at once.
if TYPE_CHECKING:
    from infra.settings import Settings

T = TypeVar("T")
Service: TypeAlias = "Callable[[Settings, asyncio.Event], Awaitable[None]]"

FAILED: Final = 1
MISUSED: Final = 2
_STOP_SECONDS: Final = 8.5
_LEFT_SECONDS: Final = 0.5


def serve(name: str, service: Service, *, with_page: bool = True) -> None:
    """Run a service until SIGINT or SIGTERM; `with_page`, with its metrics on METRICS_PORT."""
    import uvloop

    from infra.interpreter import settle_for_batches
    from infra.metrics_page import metrics_page
    from infra.settings import load_settings
    from infra.telemetry import configure_logging
    from infra.trace_export import traces_sent

    settle_for_batches()
    with one_line_errors():
        settings = load_settings()
        configure_logging(settings)
        page = metrics_page(settings) if with_page else nullcontext()
        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        with page, traces_sent(settings, name), runner:
            runner.run(_until_signalled(service, settings))


def perform(action: "Callable[[Settings], Coroutine[Any, Any, T]]") -> T:
    """Run an action that comes to its end, and return its result; it logs only with DEBUG."""
    from infra.interpreter import settle_for_batches
    from infra.settings import load_settings
    from infra.telemetry import configure_logging

    settle_for_batches()
    with one_line_errors():
        settings = load_settings()
        configure_logging(settings)
        if settings.log_level != "DEBUG":
            logging.disable(logging.CRITICAL)
        return asyncio.run(action(settings))


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn errors on purpose, and engines that are down, into one line and an exit code."""
    from aiokafka.errors import KafkaError
    from pymongo.errors import PyMongoError

    from domain.errors import DeskstreamError
    from infra.settings import SettingsError

    try:
        yield
    except SettingsError as error:
        raise _ended(str(error), MISUSED) from None
    except (DeskstreamError, KafkaError, PyMongoError) as error:
        raise _ended(sentence(error), FAILED) from None


def sentence(error: Exception) -> str:
    """What an operator is told of an error on purpose, or of an engine that is down."""
    from aiokafka.errors import KafkaConnectionError, KafkaError
    from pymongo.errors import PyMongoError

    from infra.kafka_security import KafkaRefusedError
    from infra.mongo import reason_of

    match error:
        case PyMongoError():
            return f"MongoDB cannot be used: {reason_of(error)}"
        case KafkaRefusedError():
            return str(error)
        case KafkaConnectionError():
            return "no Kafka answers at KAFKA_BOOTSTRAP_SERVERS"
        case KafkaError():
            return f"Kafka cannot be used: {error}"
        case TimeoutError():
            return "MongoDB or Kafka does not answer"
        case _:
            return str(error)


def _ended(message: str, code: int) -> typer.Exit:
    typer.echo(f"deskstream: {' '.join(message.split())}", err=True)
    return typer.Exit(code)


async def _until_signalled(service: Service, settings: "Settings") -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    working = asyncio.ensure_future(service(settings, stop))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        # A service that still waits for its engines does not look at `stop`.
        await asyncio.wait({working}, timeout=_STOP_SECONDS)
        working.cancel()
        await asyncio.wait({working}, timeout=_LEFT_SECONDS)
    await _leave_behind(_failure(working))
    if not working.cancelled():
        working.result()


async def _leave_behind(failure: BaseException | None) -> None:
    """End the process though tasks of a library take no end; nothing that counts is in memory."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if not left:
        return
    _, hanging = await asyncio.wait(left, timeout=_LEFT_SECONDS)
    if hanging:
        logging.getLogger(__name__).warning("tasks left behind: %s", sorted(map(repr, hanging)))
        if failure is not None:
            logging.getLogger(__name__).error("the service failed", exc_info=failure)
        logging.shutdown()
        os._exit(0 if failure is None else FAILED)


def _failure(working: "asyncio.Future[None]") -> BaseException | None:
    return working.exception() if working.done() and not working.cancelled() else None
