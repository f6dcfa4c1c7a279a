"""Long work in turns, so that whoever waits for an answer gets on meanwhile."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

T = TypeVar("T")

_TURN_SECONDS: Final = 0.005


async def in_turns(items: Iterable[T], act: Callable[[T], object]) -> None:
    """Act on each item, in order; every 5 ms, let others have the event loop.

    A batch takes a few hundred milliseconds to classify.  A transaction beside it makes ten calls,
    each of which would wait for as long as that.
    """
    until = time.monotonic() + _TURN_SECONDS
    for item in items:
        act(item)
        if time.monotonic() >= until:
            await asyncio.sleep(0)
            until = time.monotonic() + _TURN_SECONDS
