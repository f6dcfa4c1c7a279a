"""Memory of our processes, read again and again while something else is measured."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from benchmarks.deployment import Deployment
from benchmarks.figures import Figure

_SAMPLE_SECONDS: Final = 2.0
_MOST_MEGABYTES: Final = 300


class MemorySamples:
    """Readings in time; each holds seconds, the events applied by then, and MB by process."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self.readings: list[dict[str, float]] = []

    async def take(self) -> None:
        """Read every two seconds, for ever."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            events = await self._deployment.checkpoint("tickets")
            memory = {n: round(mb, 1) for n, mb in self._deployment.memory_megabytes().items()}
            seconds = round(loop.time() - began, 1)
            self.readings.append({"seconds": seconds, "events": events, **memory})
            await asyncio.sleep(_SAMPLE_SECONDS)

    def figures(self, processes: Sequence[str], tickets: int) -> list[Figure]:
        """The most memory that each process held; its samples show whether it grew."""
        return [self._figure(process, tickets) for process in processes]

    def _figure(self, process: str, tickets: int) -> Figure:
        own = [
            {name: reading[name] for name in ("seconds", "events", process)}
            for reading in self.readings
        ]
        half = [reading[process] for reading in own if reading["events"] <= tickets / 2]
        details = {"at most in the first half": max(half, default=0.0)}
        return Figure(
            f"memory of the {process} over {tickets:,} tickets, at most",
            max(reading[process] for reading in own), "MB", _MOST_MEGABYTES,
            more_is_better=False, details=details, samples=own,
        )  # fmt: skip


@asynccontextmanager
async def memory_sampled(deployment: Deployment) -> AsyncIterator[MemorySamples]:
    """Take samples inside the block."""
    samples = MemorySamples(deployment)
    taking = asyncio.create_task(samples.take())
    try:
        yield samples
        if taking.done():
            taking.result()
    finally:
        taking.cancel()
        await asyncio.wait({taking})
