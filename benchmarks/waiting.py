"""How long records wait, looked at again and again while a deployment works."""

import asyncio
import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import httpx

from benchmarks.deployment import Deployment
from domain.topics import CHANGES, CLASSIFIED, RAW

FOLLOWED: Final = {"classifier": RAW, "sync": CLASSIFIED, "tickets": CHANGES, "alerts": CHANGES}
_SAMPLE_SECONDS: Final = 0.2
_CALM_SECONDS: Final = 5.0
_GIVE_UP_SECONDS: Final = 180.0
_ASK_SECONDS: Final = 2.0

Offsets: TypeAlias = Mapping[str, Mapping[int, int]]  # by topic or consumer, then by partition


class Waiting(NamedTuple):
    """How long something waits at a moment, in seconds; for ever while the API gives no answer."""

    moment: float
    seconds: float


class Watch:
    """Looks five times a second how long the record has waited that waits longest.

    Under a steady load some record is always on its way.  It waits no longer than since the last
    look at the ends of the topics that every consumer has reached.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._ends: deque[tuple[float, Offsets]] = deque()
        self.readings: list[Waiting] = []

    async def take(self) -> None:
        """Look, for ever."""
        loop = asyncio.get_running_loop()
        url = f"http://127.0.0.1:{self._deployment.settings.api_port}"
        async with httpx.AsyncClient(base_url=url, timeout=_ASK_SECONDS) as api:
            while True:
                self._ends.append((loop.time(), await self._read_ends()))
                is_served = await _answers(api)
                reached = await self._read_checkpoints()
                moment = loop.time()
                waits = moment - last_reached(self._ends, reached) if is_served else math.inf
                self.readings.append(Waiting(moment, waits))
                await asyncio.sleep(_SAMPLE_SECONDS)

    async def until_calm(self, since: float, longest: float) -> float:
        """Seconds from `since` until nothing waited longer than `longest` any more, for good.

        Raises:
            TimeoutError: something still does after three minutes.
        """
        loop = asyncio.get_running_loop()
        while (found := calm_since(self.readings, since, longest)) is None or (
            loop.time() - found < _CALM_SECONDS
        ):
            self._deployment.check()
            if loop.time() - since > _GIVE_UP_SECONDS:
                raise TimeoutError(f"records still wait {self.readings[-1].seconds:.1f} s")
            await asyncio.sleep(_SAMPLE_SECONDS)
        return found - since

    def since(self, moment: float) -> list[Waiting]:
        """The readings from then on."""
        return [reading for reading in self.readings if reading.moment >= moment]

    async def _read_ends(self) -> Offsets:
        partitions = list(range(self._deployment.settings.kafka_partitions))
        ends = {}
        for topic in (RAW, CLASSIFIED, CHANGES):
            bounds = await self._deployment.reader.bounds(topic, partitions)
            ends[topic] = {partition: end for partition, (_, end) in bounds.items()}
        return ends

    async def _read_checkpoints(self) -> Offsets:
        wanted = {"consumer": {"$in": list(FOLLOWED)}}
        reached: dict[str, dict[int, int]] = {consumer: {} for consumer in FOLLOWED}
        async for document in self._deployment.mongo["checkpoints"].find(wanted):
            reached[document["consumer"]][document["partition"]] = document["next_offset"]
        return reached


def last_reached(ends: deque[tuple[float, Offsets]], reached: Offsets) -> float:
    """When the topics ended, last, where all consumers are by now; forgets what was before."""
    while len(ends) > 1 and _covers(reached, ends[1][1]):
        ends.popleft()
    return ends[0][0]


def _covers(reached: Offsets, ends: Offsets) -> bool:
    return all(
        reached[consumer].get(partition, 0) >= end
        for consumer, topic in FOLLOWED.items()
        for partition, end in ends[topic].items()
    )


def calm_since(readings: Sequence[Waiting], since: float, longest: float) -> float | None:
    """When the unbroken run of calm readings at the end began, since then; None if none is."""
    began: float | None = None
    for reading in reversed(readings):
        if reading.moment < since or reading.seconds > longest:
            break
        began = reading.moment
    return began


async def _answers(api: httpx.AsyncClient) -> bool:
    """True if the API is ready."""
    try:
        return (await api.get("/readyz")).is_success
    except httpx.HTTPError:
        return False
