"""One tenant that grows to a million tickets: statistics and lists at each size, and memory.

The tickets come the way all tickets come, as events that a projector applies.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

import httpx

from benchmarks.bench import Bench
from benchmarks.crowd import measure_crowd
from benchmarks.deployment import Deployment, deployed
from benchmarks.figures import Figure
from benchmarks.list_walks import measure_lists
from benchmarks.many_tickets import TENANT, many_tickets
from benchmarks.memory import memory_sampled
from benchmarks.naive import PlainReader
from benchmarks.readers import Asking, reading
from benchmarks.statistics_queries import measure_statistics
from benchmarks.workload import DISTINCT, Records
from dev.ports import free_port
from domain.read_models import ROLL_UPS
from domain.roll_up_documents import DELTA
from domain.topics import CHANGES
from infra.kafka import Outgoing
from infra.mongo import Document
from infra.publisher import Publisher
from projections.roll_up_merging import MOST_DELTAS, MOST_WORDS

_SIZES: Final = ((10_000, 40.0), (100_000, 60.0), (1_000_000, 100.0))  # tickets, aim in ms
_SERVICES: Final = ("projector", "notifier", "api")
_ASKING_SECONDS: Final = 60
_CHUNK: Final = 10_000
_SETTLE_SECONDS: Final = 5.0
_SLOWEST: Final = 1_000  # events/s
_POLL_SECONDS: Final = 0.5


async def one_tenant(bench: Bench) -> AsyncGenerator[Figure]:
    """At each size, once everybody is at the end of the log: the figures that were chosen."""
    now = datetime.now(UTC)
    async with AsyncExitStack() as stack:
        deployment = await stack.enter_async_context(_running(bench))
        memory = await stack.enter_async_context(memory_sampled(deployment))
        reader = await stack.enter_async_context(reading(deployment))
        plain = await stack.enter_async_context(PlainReader(deployment.settings, TENANT))
        distinct = min(bench.scaled(_SIZES[-1][0], least=100), DISTINCT)
        sizes = [bench.scaled(size, least=100) for size, _ in _SIZES]
        records = many_tickets(deployment.settings.kafka_partitions, now, sizes, distinct)
        asking = Asking(reader, plain, now, bench.scaled(_ASKING_SECONDS, least=5))
        refused: list[httpx.HTTPError] = []
        there = 0
        for size, aim in _SIZES:
            count = bench.scaled(size, least=100)
            await _grow(deployment, records, there, count)
            there = max(count, there)
            merged = await _until_merged(deployment)
            async for figure in _figures(bench, asking, there, aim, refused):
                yield replace(figure, details={**figure.details, "sums merged after": merged})
        if "crowd" in bench.chosen:
            async for figure in measure_crowd(deployment, now, there, bench.scale):
                yield figure
        if "memory" in bench.chosen:
            for figure in memory.figures(_SERVICES, there):
                yield figure
        if refused:
            raise refused[0]


@asynccontextmanager
async def _running(bench: Bench) -> AsyncIterator[Deployment]:
    # No alert is young enough to be sent: nobody would take it.
    settings = {"api_port": free_port(), "alert_max_age": timedelta(seconds=1)}
    async with deployed(bench.engines, bench.logs, **settings) as deployment:
        with deployment.running_each(*_SERVICES):
            await deployment.until_assigned("tickets", "alerts")
            yield deployment


async def _figures(
    bench: Bench, asking: Asking, count: int, aim: float, refused: list[httpx.HTTPError]
) -> AsyncGenerator[Figure]:
    """What was chosen at one size; what the API does not answer is noted, and the rest goes on."""
    measures: dict[str, Callable[[], Awaitable[Figure]]] = {
        "lists": lambda: measure_lists(asking, count),
        "stats": lambda: measure_statistics(asking, count, aim),
    }
    for name, measure in measures.items():
        if name in bench.chosen:
            try:
                yield await measure()
            except httpx.HTTPError as error:
                refused.append(error)


async def _grow(deployment: Deployment, records: Records, there: int, count: int) -> None:
    """Publish tickets up to `count` and wait until projector and notifier have all of them."""
    publisher = Publisher(deployment.settings)
    try:
        for start in range(there, count, _CHUNK):
            chunk: dict[int, list[Outgoing]] = {}
            for partition, record in islice(records, min(_CHUNK, count - start)):
                chunk.setdefault(partition, []).append(record)
            await publisher.publish(CHANGES, chunk)
    finally:
        await publisher.stop()
    for consumer in ("tickets", "alerts"):
        await deployment.until(consumer, count, seconds=count / _SLOWEST + 60)
    await asyncio.sleep(_SETTLE_SECONDS)  # MongoDB writes out what it holds in memory


async def _until_merged(deployment: Deployment) -> float:
    """Wait until no more is outstanding than projectors leave to readers; return the seconds."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    outstanding = {"_id": None, "deltas": {"$sum": 1}, "words": {"$sum": "$weight"}}
    stages: list[Document] = [{"$match": {"kind": DELTA}}, {"$group": outstanding}]
    while True:
        found = await deployment.mongo[ROLL_UPS].aggregate(stages).to_list(None)
        if not found or (found[0]["words"] < MOST_WORDS and found[0]["deltas"] < MOST_DELTAS):
            return loop.time() - began
        await asyncio.sleep(_POLL_SECONDS)
