"""A reader of the API, who asks one question after the other and takes the time of each."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from time import monotonic, perf_counter
from typing import Any, Final, NamedTuple, TypeVar

import httpx

from benchmarks.deployment import Deployment
from benchmarks.naive import PlainReader

T = TypeVar("T")

_ANSWER_SECONDS: Final = 120.0


class Answered(NamedTuple):
    """An answer and the milliseconds that it took to arrive, HTTP client included."""

    body: Mapping[str, Any]
    milliseconds: float


class Reader:
    """Asks over one connection that is kept."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ask(self, path: str, query: Mapping[str, str]) -> Answered:
        """One question.

        Raises:
            HTTPStatusError: the answer is no success.
        """
        began = perf_counter()
        answer = await self._http.get(path, params=query)
        took = perf_counter() - began
        return Answered(answer.raise_for_status().json(), took * 1000)


class Asking(NamedTuple):
    """Those who ask, ours and naive; the moment that they take for now, and how long they ask."""

    reader: Reader
    plain: PlainReader
    now: datetime
    seconds: float

    def in_time(self, items: Iterable[T], *, least: int = 1) -> Iterator[T]:
        """Items as long as there is time, but at least so many."""
        deadline = monotonic() + self.seconds
        for number, item in enumerate(items):
            if number >= least and monotonic() > deadline:
                return
            yield item


@asynccontextmanager
async def reading(deployment: Deployment) -> AsyncIterator[Reader]:
    """A reader of the API that the deployment runs."""
    url = f"http://127.0.0.1:{deployment.settings.api_port}"
    async with httpx.AsyncClient(base_url=url, timeout=_ANSWER_SECONDS) as http:
        yield Reader(http)
