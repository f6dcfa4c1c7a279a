"""A row that fails takes nothing with it."""

import asyncio
from collections.abc import AsyncGenerator

from benchmarks.figures import Figure
from benchmarks.measuring import collect

FIGURE = Figure("raw", 1.0, "s", 8, more_is_better=False)


async def _fails_after_one() -> AsyncGenerator[Figure]:
    yield FIGURE
    raise TimeoutError("tickets stands at 3 of 5\nand more")


async def test_what_was_measured_before_a_failure_is_kept() -> None:
    figures: list[Figure] = []

    failed = await collect(_fails_after_one(), figures, lambda _: None, patience=60)

    assert figures == [FIGURE]
    assert failed == "TimeoutError: tickets stands at 3 of 5"


async def test_a_row_that_hangs_is_ended_and_cleans_up() -> None:
    ended = asyncio.Event()

    async def hanging() -> AsyncGenerator[Figure]:
        try:
            yield FIGURE
            await asyncio.Event().wait()
        finally:
            ended.set()

    figures: list[Figure] = []
    failed = await collect(hanging(), figures, lambda _: None, patience=0.01)

    assert ended.is_set()
    assert figures == [FIGURE]
    assert failed == "not measured within 0 s"


async def test_figures_are_shown_as_they_come() -> None:
    async def one() -> AsyncGenerator[Figure]:
        yield FIGURE

    shown: list[Figure] = []

    assert await collect(one(), [], shown.append, patience=60) is None
    assert shown == [FIGURE]
