"""An answer shared: however many ask at about the same time, the question is put once."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SharedAnswer(Generic[T]):
    """Puts a question when somebody asks and no answer is on its way or fresh.

    An answer is fresh for `kept` seconds after it came; so is an error.
    """

    def __init__(
        self,
        question: Callable[[], Coroutine[Any, Any, T]],
        kept: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._question = question
        self._kept = kept
        self._clock = clock
        self._asking: asyncio.Task[T] | None = None
        self._answered_at = 0.0

    async def get(self) -> T:
        """The answer; whoever gives up waiting for it takes it from nobody else."""
        if self._asking is None or (self._asking.done() and self._is_old()):
            self._asking = asyncio.create_task(self._put())
        return await asyncio.shield(self._asking)

    async def close(self) -> None:
        """Ask nothing more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    def _is_old(self) -> bool:
        return self._clock() - self._answered_at > self._kept

    async def _put(self) -> T:
        try:
            return await self._question()
        finally:
            self._answered_at = self._clock()
