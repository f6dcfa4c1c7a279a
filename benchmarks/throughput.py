"""Throughput: raw records to readable tickets, and change events to read models."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Final

from benchmarks.bench import Bench
from benchmarks.deployment import Deployment, deployed
from benchmarks.figures import Figure, cpu_share
from benchmarks.naive import apply_plainly, classified, projected
from benchmarks.workload import change_events, raw_records
from domain.topics import CHANGES, RAW
from infra.kafka import Outgoing
from infra.publisher import Publisher

_WARM_UP: Final = 2_000
_RAW: Final = 40_000
_CHANGES: Final = 100_000
_LEAST: Final = 4_000
_PLAIN: Final = 10_000  # the naive variants need no more to show their rate


async def raw_to_readable(bench: Bench) -> AsyncGenerator[Figure]:
    """`tickets.raw` -> readable in MongoDB, one worker and one projector, while being produced."""
    async with deployed(bench.engines, bench.logs) as deployment:
        count = bench.size("raw", _RAW, least=_LEAST)
        records = raw_records(_WARM_UP + count, deployment.settings.kafka_partitions)
        publisher = Publisher(deployment.settings)
        try:
            with deployment.running_each("worker", "projector"):
                warm, rest = _split(records, _WARM_UP)
                await publisher.publish(RAW, warm)
                done = sum(map(len, warm.values()))
                await deployment.until("tickets", done)
                figure = await _measure_raw(deployment, publisher, rest, done)
        finally:
            await publisher.stop()
        naive = await apply_plainly(deployment, RAW, min(count, _PLAIN), classified)
        yield replace(figure, naive=naive)


async def _measure_raw(
    deployment: Deployment, publisher: Publisher, records: dict[int, list[Outgoing]], done: int
) -> Figure:
    count = sum(map(len, records.values()))
    before, began = deployment.cpu_seconds(), asyncio.get_running_loop().time()
    sending = asyncio.create_task(publisher.publish(RAW, records))
    ended = await deployment.until("tickets", done + count)
    await sending
    cpu = cpu_share(before, deployment.cpu_seconds(), ended - began)
    return Figure(
        "tickets.raw to readable", count / (ended - began), "tickets/s", 3_000,
        more_is_better=True, cpu=cpu, memory_megabytes=deployment.memory_megabytes(),
    )  # fmt: skip


async def changes_to_readable(bench: Bench) -> AsyncGenerator[Figure]:
    """`tickets.changes` -> read models, exactly-once, one projector."""
    async with deployed(bench.engines, bench.logs) as deployment:
        count = bench.size("changes", _CHANGES, least=5 * _LEAST)
        publisher = Publisher(deployment.settings)
        try:
            records = change_events(count, deployment.settings.kafka_partitions)
            await publisher.publish(CHANGES, records)
        finally:
            await publisher.stop()
        with deployment.running("projector"):
            figure = await _measure_changes(deployment, count)
        naive = await apply_plainly(deployment, CHANGES, min(count, _PLAIN), projected)
        yield replace(figure, naive=naive)


async def _measure_changes(deployment: Deployment, count: int) -> Figure:
    began = await deployment.until("tickets", _WARM_UP)
    done = await deployment.checkpoint("tickets")
    before = deployment.cpu_seconds()
    ended = await deployment.until("tickets", count)
    cpu = cpu_share(before, deployment.cpu_seconds(), ended - began)
    return Figure(
        "tickets.changes to read models", (count - done) / (ended - began), "events/s", 15_000,
        more_is_better=True, cpu=cpu, memory_megabytes=deployment.memory_megabytes(),
    )  # fmt: skip


def _split(
    records: dict[int, list[Outgoing]], count: int
) -> tuple[dict[int, list[Outgoing]], dict[int, list[Outgoing]]]:
    first = count // len(records)
    return (
        {p: some[:first] for p, some in records.items()},
        {p: some[first:] for p, some in records.items()},
    )
