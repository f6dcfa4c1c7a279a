"""`kill -9`: how long until nothing waits again, with records arriving all the while."""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from benchmarks.bench import Bench
from benchmarks.deployment import Deployment, deployed
from benchmarks.figures import Figure
from benchmarks.open_loop import OpenLoop
from benchmarks.waiting import FOLLOWED, Waiting, Watch
from benchmarks.workload import endless_raw
from dev.ports import free_port
from domain.topics import RAW
from infra.lifetime import beside

_RATE: Final = 500.0  # records/s
_REPETITIONS: Final = 3
_AIM: Final = 15.0
_ZERO_SECONDS: Final = 1.0  # what waits no longer than this is on its way
_TOLERANCE: Final = 1.5  # where records wait longer than that while nothing is killed
_WARM_UP_SECONDS: Final = 10.0
_UNDISTURBED_SECONDS: Final = 10.0
_DISTINCT: Final = 5_000
_SERVICES: Final = ("worker", "projector", "notifier", "api")


class _Kill(NamedTuple):
    """What came of one kill."""

    seconds: float
    killed: float
    readings: list[Waiting]


async def recovery(bench: Bench) -> AsyncGenerator[Figure]:
    """Kill each process several times; the figure is the worst."""
    async with deployed(bench.engines, bench.logs, api_port=free_port()) as deployment:
        with deployment.running_each(*_SERVICES):
            await deployment.until_assigned(*FOLLOWED)
            async with _under_load(deployment) as watch:
                usual = await _undisturbed(watch)
                for service in _SERVICES:
                    kills = [
                        await _kill(deployment, watch, service, usual)
                        for _ in range(bench.scaled(_REPETITIONS))
                    ]
                    yield _worst(service, kills, usual)


async def _undisturbed(watch: Watch) -> float:
    """The longest that a record waits while nothing is killed, after a warm-up."""
    await asyncio.sleep(_WARM_UP_SECONDS)
    began = asyncio.get_running_loop().time()
    await asyncio.sleep(_UNDISTURBED_SECONDS)
    waits = [waits for _, waits in watch.since(began) if waits < math.inf]
    if not waits:
        raise TimeoutError("the API gives no answer")
    return max(waits)


async def _kill(deployment: Deployment, watch: Watch, service: str, usual: float) -> _Kill:
    killed = deployment.replace_killed(service)
    longest = max(_ZERO_SECONDS, usual * _TOLERANCE)
    await asyncio.sleep(longest)  # before that nothing can have waited too long
    seconds = await watch.until_calm(killed, longest)
    return _Kill(seconds, killed, watch.since(killed))


def _worst(service: str, kills: Sequence[_Kill], usual: float) -> Figure:
    worst = max(kills)
    details = {f"kill {number}": kill.seconds for number, kill in enumerate(kills, start=1)}
    samples = [
        {"seconds": round(moment - worst.killed, 1), "waits": round(waits, 1)}
        for moment, waits in worst.readings
        if waits < math.inf
    ]
    return Figure(
        f"kill -9 of the {service} to lag 0, at {_RATE:,.0f}/s", worst.seconds, "s", _AIM,
        more_is_better=False, details=details | {"undisturbed, a record waits": usual},
        samples=samples,
    )  # fmt: skip


@asynccontextmanager
async def _under_load(deployment: Deployment) -> AsyncIterator[Watch]:
    """Records arrive, and somebody watches, inside the block."""
    records = endless_raw(deployment.settings.kafka_partitions, _DISTINCT)
    watch = Watch(deployment)
    async with (
        OpenLoop(deployment.settings, RAW, records) as load,
        beside(_arrive(load), watch.take()),
    ):
        yield watch


async def _arrive(load: OpenLoop) -> None:
    while True:
        await load.send(int(_RATE), _RATE)
