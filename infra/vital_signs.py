"""Vital signs of the deployment: what MongoDB and Kafka say of it, asked at most once a second."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeVar

import structlog
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from domain.circuit import CircuitStatus
from infra.alert_backlog import Backlog, read_backlog
from infra.circuits import HELPDESK, Circuit
from infra.lag import PartitionLag, Standing, lag_behind, standing, without_shadows
from infra.limiter_view import LimiterView, read_limiter
from infra.log_reader import LogReader
from infra.mongo import Mongo
from infra.overview import count_active_jobs, count_parked
from infra.shared_answer import SharedAnswer

log = structlog.get_logger()

T = TypeVar("T")

_KEPT_SECONDS: Final = 1.0
_WITHIN_SECONDS: Final = 1.5
_LEAVING_SECONDS: Final = 1.5


class Stored(NamedTuple):
    """What MongoDB says; `runs` that are on by phase, `parked` tickets counted."""

    standing: Standing
    alerts: Backlog
    circuits: Mapping[str, CircuitStatus]
    limiter: LimiterView
    parked: int
    runs: Mapping[str, int]


class Vitals(NamedTuple):
    """The signs of one moment.

    `stored` is None where MongoDB did not answer in time, `lag` where either engine did not.
    """

    as_of: datetime

    stored: Stored | None
    lag: list[PartitionLag] | None
    kafka_up: bool


class VitalSigns:
    """Asks the engines for a bounded time; fifty who want to know at once cost what one does.

    A question that is given up is cancelled but not awaited: its clean-up may hang as well.
    """

    def __init__(
        self,
        mongo: Mongo,
        reader: LogReader,
        circuits: Mapping[str, Circuit],
        reach_kafka: Callable[[], Awaitable[None]],
    ) -> None:
        """`reach_kafka` is asked where MongoDB does not say of what to ask for the lag."""
        self._mongo = mongo
        self._reader = reader
        self._reach_kafka = reach_kafka
        self._circuits = circuits
        self._answer = SharedAnswer(self._ask, _KEPT_SECONDS)
        self._given_up: set[asyncio.Task[Any]] = set()

    async def read(self) -> Vitals:
        """The signs, at most a second old."""
        return await self._answer.get()

    async def close(self) -> None:
        """Ask nothing more; wait a moment for what was given up."""
        await self._answer.close()
        if self._given_up:
            await asyncio.wait(self._given_up, timeout=_LEAVING_SECONDS)
        await self._reader.stop()

    async def _ask(self) -> Vitals:
        now = datetime.now(UTC)
        stored = await self._bounded("MongoDB", self._stored())
        if stored is None:
            is_up = await self._bounded("Kafka", self._reached())
            return Vitals(now, None, None, is_up is not None)
        lag = await self._bounded("Kafka", lag_behind(stored.standing, self._reader))
        return Vitals(now, stored, lag, lag is not None)

    async def _stored(self) -> Stored:
        known, alerts, limiter, parked, runs = await asyncio.gather(
            standing(self._mongo),
            read_backlog(self._mongo),
            read_limiter(self._mongo, HELPDESK),
            count_parked(self._mongo),
            count_active_jobs(self._mongo),
        )
        circuits = {name: await circuit.status() for name, circuit in self._circuits.items()}
        live = await without_shadows(self._mongo, known)
        return Stored(live, alerts, circuits, limiter, parked, runs)

    async def _reached(self) -> bool:
        await self._reach_kafka()
        return True

    async def _bounded(self, engine: str, question: Coroutine[Any, Any, T]) -> T | None:
        """The answer, or None if there is none in time."""
        asking = asyncio.create_task(question)
        try:
            await asyncio.wait({asking}, timeout=_WITHIN_SECONDS)
            if asking.done():
                return asking.result()
            log.warning("engine_silent", engine=engine, seconds=_WITHIN_SECONDS)
        except (PyMongoError, KafkaError) as error:
            log.warning("engine_failed", engine=engine, reason=type(error).__name__)
        finally:
            self._give_up(asking)
        return None

    def _give_up(self, asking: asyncio.Task[Any]) -> None:
        if not asking.done():
            asking.cancel()
            self._given_up.add(asking)
            asking.add_done_callback(self._forget)

    def _forget(self, asking: asyncio.Task[Any]) -> None:
        self._given_up.discard(asking)
        if not asking.cancelled():
            asking.exception()  # it was given up: what it says in the end interests nobody
