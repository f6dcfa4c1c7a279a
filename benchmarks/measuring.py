"""Measuring rows one after the other: each on engines of its own, and none takes others with it."""

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.bench import Bench, Row
from benchmarks.figures import Figure, Outcome
from dev.engine_errors import EngineError
from dev.engines import Engines

_CACHE_GIGABYTES: Final = 4.0  # MongoDB's own default is half of the memory, here 11.5
_PATIENCE: Final = 5  # times as long as expected
_LEAST_PATIENCE: Final = 600.0

Noted = Callable[[Figure], None]


class Asked(NamedTuple):
    """What the command line asks for."""

    scale: float
    chosen: frozenset[str]
    sizes: Mapping[str, int]
    seed: int = 1


def measure(row: Row, asked: Asked, noted: Noted) -> Outcome:
    """Measure a row; whatever it raises ends this row alone, and is kept in words."""
    outcome = Outcome(" ".join(name for name in row.names if name in asked.chosen))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="deskstream-bench-") as directory:
        root = Path(directory)
        # With 1 GB, changes that wait to be written fill a fifth of it, and everybody writes them.
        engines = Engines.local(root / "engines", cache_gigabytes=_CACHE_GIGABYTES)
        try:
            with engines:
                bench = Bench(engines, root, asked.scale, asked.chosen, asked.sizes, asked.seed)
                patience = max(row.minutes * 60 * _PATIENCE, _LEAST_PATIENCE)
                measuring = collect(row.measure(bench), outcome.figures, noted, patience)
                outcome.failed = asyncio.run(measuring)
        except EngineError as error:
            outcome.failed = in_words(error)
    outcome.seconds = time.monotonic() - began
    return outcome


async def collect(
    measured: AsyncGenerator[Figure], figures: list[Figure], noted: Noted, patience: float
) -> str | None:
    """Append figures as they come; return why they ended early, None if they did not.

    They get `patience` seconds.
    """
    measuring = asyncio.create_task(_drain(measured, figures, noted))
    _, unfinished = await asyncio.wait({measuring}, timeout=patience)
    if unfinished:
        measuring.cancel()
        await asyncio.wait({measuring})
        return f"not measured within {patience:,.0f} s"
    error = measuring.exception()
    return None if error is None else in_words(error)


async def _drain(measured: AsyncGenerator[Figure], figures: list[Figure], noted: Noted) -> None:
    # Rows are asynchronous generators: closing one ends its processes.
    async with aclosing(measured) as coming:
        async for figure in coming:
            figures.append(figure)
            noted(figure)


def in_words(error: BaseException) -> str:
    """The kind of an error and the first line of what it says."""
    lines: Sequence[str] = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
