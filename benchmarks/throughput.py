"""Throughput: raw records to readable tickets, and change events to read models."""

import asyncio
from pathlib import Path

from benchmarks.deployment import Deployment, deployed
from benchmarks.figures import Figure, cpu_share
from benchmarks.workload import change_events, raw_records
from dev.engines import Engines
from domain.topics import CHANGES, RAW
from infra.kafka import Outgoing
from infra.publisher import Publisher

_WARM_UP = 2_000


async def raw_to_readable(engines: Engines, logs: Path, count: int) -> Figure:
    """`tickets.raw` -> readable in MongoDB, one worker and one projector, while being produced."""
    async with deployed(engines, logs) as deployment:
        records = raw_records(_WARM_UP + count, deployment.settings.kafka_partitions)
        publisher = Publisher(deployment.settings)
        try:
            with deployment.running("worker"), deployment.running("projector"):
                warm, rest = _split(records, _WARM_UP)
                await publisher.publish(RAW, warm)
                done = sum(map(len, warm.values()))
                await deployment.until("tickets", done)
                return await _measure_raw(deployment, publisher, rest, done)
        finally:
            await publisher.stop()


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
        "tickets.raw to readable",
        count / (ended - began),
        "tickets/s",
        3_000,
        more_is_better=True,
        cpu=cpu,
        memory_megabytes=deployment.memory_megabytes(),
    )


async def changes_to_readable(engines: Engines, logs: Path, count: int) -> Figure:
    """`tickets.changes` -> read models, exactly-once, one projector."""
    async with deployed(engines, logs) as deployment:
        publisher = Publisher(deployment.settings)
        try:
            records = change_events(count, deployment.settings.kafka_partitions)
            await publisher.publish(CHANGES, records)
        finally:
            await publisher.stop()
        with deployment.running("projector"):
            began = await deployment.until("tickets", _WARM_UP)
            done = await deployment.checkpoint("tickets")
            before = deployment.cpu_seconds()
            ended = await deployment.until("tickets", count)
            cpu = cpu_share(before, deployment.cpu_seconds(), ended - began)
            return Figure(
                "tickets.changes to read models",
                (count - done) / (ended - began),
                "events/s",
                15_000,
                more_is_better=True,
                cpu=cpu,
                memory_megabytes=deployment.memory_megabytes(),
            )


def _split(
    records: dict[int, list[Outgoing]], count: int
) -> tuple[dict[int, list[Outgoing]], dict[int, list[Outgoing]]]:
    first = count // len(records)
    return (
        {p: some[:first] for p, some in records.items()},
        {p: some[first:] for p, some in records.items()},
    )
