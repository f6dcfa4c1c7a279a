"""A soak as it is seen from outside: lag and memory in time, and what became of every question."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import httpx
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from benchmarks.deployment import Deployment
from benchmarks.waiting import FOLLOWED

_SAMPLE_SECONDS: Final = 1.0
_MEMORY_EVERY: Final = 5  # samples
_ASK_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.1
_CRAWL_PAUSE_SECONDS: Final = 10.0
_CRAWL_WAIT_SECONDS: Final = 60
_CALM_SAMPLES: Final = 2


class Sample(NamedTuple):
    """A moment on the loop's clock, and how many records each consumer had yet to read then."""

    moment: float
    lag: Mapping[str, int]

    @property
    def total(self) -> int:
        """Over all consumers."""
        return sum(self.lag.values())


class Watch:
    """Reads lag once a second and memory every five, through every outage of the engines."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self.samples: list[Sample] = []
        self.memory: list[dict[str, float]] = []
        self.unread = Counter[str]()

    async def take(self) -> None:
        """Look, for ever."""
        loop = asyncio.get_running_loop()
        began, number = loop.time(), 0
        while True:
            number += 1
            if number % _MEMORY_EVERY == 1:
                memory = await asyncio.to_thread(self._memory)
                self.memory.append({"seconds": round(loop.time() - began, 1), **memory})
            try:
                async with asyncio.timeout(_ASK_SECONDS):
                    lag = await self._lag()
            except (PyMongoError, KafkaError, TimeoutError) as error:
                self.unread[type(error).__name__] += 1
            else:
                self.samples.append(Sample(loop.time(), lag))
            await asyncio.sleep(_SAMPLE_SECONDS)

    def calm_after(self, moment: float, most: int) -> float | None:
        """Seconds from `moment` to when no more than `most` records waited, twice in a row."""
        calm = 0
        for sample in self.samples:
            if sample.moment < moment:
                continue
            calm = calm + 1 if sample.total <= most else 0
            if calm == _CALM_SAMPLES:
                return sample.moment - moment
        return None

    async def _lag(self) -> dict[str, int]:
        partitions = list(range(self._deployment.settings.kafka_partitions))
        lag = {}
        for consumer, topic in FOLLOWED.items():
            bounds = await self._deployment.reader.bounds(topic, partitions)
            ends = sum(end for _, end in bounds.values())
            lag[consumer] = max(ends - await self._deployment.checkpoint(consumer), 0)
        return lag

    def _memory(self) -> dict[str, float]:
        """Unique and resident MB of each process."""
        found = {}
        for name, process in self._deployment.processes():
            full = process.memory_full_info()
            found[f"{name} USS"] = round(full.uss / 1e6, 1)
            found[f"{name} RSS"] = round(full.rss / 1e6, 1)
        return found


class Visitors:
    """Those who ask the API all the while, and start crawls; every answer is counted."""

    def __init__(self, url: str, tenants: Sequence[str], seed: int) -> None:
        self._url = url
        self._tenants = tenants
        self._chance = random.Random(seed)  # noqa: S311 (repeatable is what it is for)
        self.answers = Counter[str]()
        self.crawls = Counter[str]()

    async def read(self) -> None:
        """Ask one question after the other, for ever."""
        async with httpx.AsyncClient(base_url=self._url, timeout=_ASK_SECONDS) as http:
            while True:
                tenant = self._chance.choice(self._tenants)
                path, query = self._chance.choice(_QUESTIONS)
                target = path.format(tenant=tenant)
                given: dict[str, str] = query | ({} if "tenants" in path else {"tenant_id": tenant})
                self.answers[await _outcome(http.get(target, params=given))] += 1
                await asyncio.sleep(_PAUSE_SECONDS)

    async def crawl(self) -> None:
        """Start one crawl after the other, for ever."""
        query = {"tenant_id": "*", "wait": str(_CRAWL_WAIT_SECONDS)}
        async with httpx.AsyncClient(
            base_url=self._url, timeout=_CRAWL_WAIT_SECONDS + _ASK_SECONDS
        ) as http:
            while True:
                self.crawls[await _outcome(http.post("/ingest/run", params=query))] += 1
                await asyncio.sleep(_CRAWL_PAUSE_SECONDS)


_QUESTIONS: Final[Sequence[tuple[str, dict[str, str]]]] = (
    ("/tickets", {"limit": "50"}),
    ("/tickets", {"urgency": "high", "limit": "20"}),
    ("/tickets/urgent", {"limit": "20"}),
    ("/tenants/{tenant}/stats", {}),
)


async def _outcome(asked: Any) -> str:  # noqa: ANN401 (an awaitable of httpx)
    """The status of an answer, or the kind of error in its place."""
    try:
        answer = await asked
    except httpx.HTTPError as error:
        return type(error).__name__
    return str(answer.status_code)
