"""How long a reader waits: from when a record was due to its ticket readable in MongoDB."""

from collections.abc import AsyncGenerator
from typing import Final, NamedTuple

from benchmarks.arrivals import Arrivals, watching
from benchmarks.bench import Bench
from benchmarks.deployment import Deployment, deployed
from benchmarks.figures import Figure, cpu_share
from benchmarks.open_loop import OpenLoop, latencies
from benchmarks.percentiles import spread
from benchmarks.workload import Records, endless_raw, new_tickets
from domain.topics import CHANGES, RAW

_WARM_UP_SECONDS: Final = 5.0
_SECONDS: Final = 40.0
_LEAST_SECONDS: Final = 3
_LATEST_SECONDS: Final = 120.0
_DISTINCT: Final = 5_000


class _Way(NamedTuple):
    """From a topic to readable, through these services, whose consumers keep these checkpoints."""

    name: str
    topic: str
    services: tuple[str, ...]
    consumers: tuple[str, ...]
    rates: tuple[float, ...]  # records/s
    aim: float  # milliseconds, p99


_CHANGES: Final = _Way(
    "change event to readable", CHANGES, ("projector",), ("tickets",), (1_000,), 100
)
_PIPELINE: Final = _Way(
    "raw record to readable", RAW, ("worker", "projector"), ("classifier", "sync", "tickets"),
    (300, 1_000), 400,
)  # fmt: skip


async def latency(bench: Bench) -> AsyncGenerator[Figure]:
    """The projector alone, then the whole pipeline, at rates that they are asked for steadily."""
    for way in (_CHANGES, _PIPELINE):
        async with deployed(bench.engines, bench.logs) as deployment:
            with deployment.running_each(*way.services):
                await deployment.until_assigned(*way.consumers)
                records = _supply(way, deployment.settings.kafka_partitions)
                async with (
                    OpenLoop(deployment.settings, way.topic, records) as load,
                    watching(deployment.settings, "tickets") as arrivals,
                ):
                    for rate in way.rates:
                        yield await _at(rate, way, bench, (deployment, load, arrivals))


async def _at(
    rate: float, way: _Way, bench: Bench, parts: tuple[Deployment, OpenLoop, Arrivals]
) -> Figure:
    deployment, load, arrivals = parts
    warm = await load.send(int(rate * _WARM_UP_SECONDS), rate)
    await arrivals.until_seen(warm, _LATEST_SECONDS)
    seconds = bench.scaled(_SECONDS, least=_LEAST_SECONDS)
    before = deployment.cpu_seconds()
    keys = await load.send(int(rate * seconds), rate)
    cpu = cpu_share(before, deployment.cpu_seconds(), seconds)
    await arrivals.until_seen(keys, _LATEST_SECONDS)
    found = spread(latencies(load.due, arrivals.seen, keys))
    return Figure(
        f"{way.name} at {rate:,.0f}/s, p99", found["p99"], "ms", way.aim, more_is_better=False,
        details=found, cpu=cpu, memory_megabytes=deployment.memory_megabytes(),
    )  # fmt: skip


def _supply(way: _Way, partitions: int) -> Records:
    make = new_tickets if way is _CHANGES else endless_raw
    return make(partitions, _DISTINCT)
