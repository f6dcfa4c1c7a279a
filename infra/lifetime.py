"""The life of a service: its parts work until it is told to stop, or until one of them fails."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any


async def work_until(stop: asyncio.Event, parts: Mapping[str, Coroutine[Any, Any, None]]) -> None:
    """Do all parts at once until `stop` is set, then cancel them; what a part raises is raised.

    `parts` are named as their tasks are to be.
    """
    await until_one_ends({**parts, "stop": _stopped(stop)})


async def until_one_ends(parts: Mapping[str, Coroutine[Any, Any, None]]) -> None:
    """Do all parts at once until one ends, then cancel the others; what it raised is raised."""
    tasks = [asyncio.create_task(part, name=name) for name, part in parts.items()]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()
    finally:
        await _end(tasks)


@asynccontextmanager
async def beside(*parts: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do all parts while the block lasts, then cancel them; what one raised meanwhile is raised."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        await _end(tasks)


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _stopped(stop: asyncio.Event) -> None:
    await stop.wait()
