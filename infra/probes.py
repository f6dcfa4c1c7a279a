"""Probes: does each thing we depend on answer now, asked all at once and for a bounded time."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import httpx
import structlog
from aiokafka.admin import AIOKafkaAdminClient

from infra import collections
from infra.kafka_security import client_security
from infra.mongo import Mongo
from infra.settings import Settings

log = structlog.get_logger()

Probe: TypeAlias = Callable[[], Coroutine[Any, Any, None]]

_KAFKA_MS: Final = 1_500


class ProbeResult(NamedTuple):
    """Whether it answered, and after how many milliseconds it did or was given up."""

    up: bool
    latency_ms: float


class HaltedPartition(NamedTuple):
    """A partition that a consumer cannot go on with until an operator looks."""

    consumer: str
    topic: str
    partition: int


class Probes:
    """Asks several dependencies at the same time; one that hangs delays nobody.

    A probe that is given up is cancelled but not awaited: its clean-up may hang as well.
    """

    def __init__(self, probes: Mapping[str, Probe], *, within: float) -> None:
        self._probes = probes
        self._within = within
        self._given_up: set[asyncio.Task[None]] = set()

    async def ask(self) -> dict[str, ProbeResult]:
        """The state of every dependency, at most `within` seconds from now."""
        took: dict[str, float] = {}
        tasks = {
            name: asyncio.create_task(_time(probe, name, took))
            for name, probe in self._probes.items()
        }
        try:
            await asyncio.wait(tasks.values(), timeout=self._within)
            return {name: self._result(name, task, took) for name, task in tasks.items()}
        finally:
            for task in tasks.values():
                self._give_up(task)

    async def close(self) -> None:
        """Wait a moment for what was given up."""
        if self._given_up:
            await asyncio.wait(self._given_up, timeout=self._within)

    def _result(self, name: str, task: asyncio.Task[None], took: dict[str, float]) -> ProbeResult:
        latency = round(took.get(name, self._within) * 1000, 1)
        if not task.done():
            log.warning("dependency_silent", dependency=name, milliseconds=latency)
            return ProbeResult(up=False, latency_ms=latency)
        if error := task.exception():
            log.warning("dependency_down", dependency=name, reason=repr(error))
        return ProbeResult(up=error is None, latency_ms=latency)

    def _give_up(self, task: asyncio.Task[None]) -> None:
        if not task.done():
            task.cancel()
            self._given_up.add(task)
            task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._given_up.discard(task)
        if not task.cancelled():
            task.exception()  # it was given up: what it says in the end interests nobody


async def ping_mongodb(mongo: Mongo) -> None:
    """One round trip to the server."""
    await mongo.database.command("ping")


async def ping_kafka(settings: Settings) -> None:
    """One metadata round trip, on a connection of its own."""
    client = AIOKafkaAdminClient(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        request_timeout_ms=_KAFKA_MS,
        **client_security(settings),
    )
    try:
        await client.start()
        await client.describe_cluster()
    finally:
        await client.close()


async def ping_helpdesk(http: httpx.AsyncClient, settings: Settings) -> None:
    """`GET /health` of the helpdesk answers with success."""
    answer = await http.get(f"{settings.helpdesk_url}/health")
    answer.raise_for_status()


async def halted_partitions(mongo: Mongo) -> list[HaltedPartition]:
    """The partitions whose live consumer stands still."""
    found = mongo[collections.CHECKPOINTS].find(
        {"halted": {"$ne": None}, "retired": None}, {"consumer": 1, "topic": 1, "partition": 1}
    )
    return sorted([HaltedPartition(d["consumer"], d["topic"], d["partition"]) async for d in found])


async def _time(probe: Probe, name: str, took: dict[str, float]) -> None:
    begun = time.monotonic()
    try:
        await probe()
    finally:
        took[name] = time.monotonic() - begun
