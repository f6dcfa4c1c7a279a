"""Random faults from a seed: what is done to a deployment and its engines, and a record of it."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from dev.engine_process import EngineProcess
from dev.engines import Engines
from domain.topics import CHANGES, CLASSIFIED, RAW
from infra.settings import Settings
from tests.faults import verdict
from tests.faults.fleet import SESSION_SECONDS, Fleet
from tests.faults.inputs import Inputs, patiently

# How often a kind comes, among 100.
_WEIGHTS = {
    "kill -9": 40, "stop": 10, "rebalance": 14, "repeat": 16, "rewind": 4, "mongodb": 10,
    "kafka": 6,
}  # fmt: skip
_SERVICES = ("worker", "projector")
_LONGEST_OUTAGE = 3.0
_FARTHEST_BACK = 3000
_GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "worker": {"deskstream.worker": (RAW, CLASSIFIED)},
    "projector": {f"deskstream.projector.{CHANGES}": (CHANGES,)},
}


class Fault(NamedTuple):
    """One fault of a plan: its kind, the seconds before it, and the seed of all its choices."""

    number: int
    kind: str
    wait: float
    seed: str


class Hit(NamedTuple):
    """What a fault met: the victim, the boundary that this passed last, and what was done."""

    victim: str
    boundary: str
    done: str
    aftermath: Coroutine[Any, Any, None] | None = None


class Entry(NamedTuple):
    """A fault as it happened, `at` seconds after the first."""

    fault: Fault
    at: float
    hit: Hit


def plan(seed: int, count: int, pace: float) -> list[Fault]:
    """`count` faults, about one in `pace` seconds; one of each kind if there is room."""
    chance = random.Random(seed)
    first = list(_WEIGHTS)[:count]
    kinds = first + chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=count - len(first))
    chance.shuffle(kinds)
    return [
        Fault(number, kind, chance.uniform(0.2, 1.8) * pace, f"{seed}/{number}")
        for number, kind in enumerate(kinds, start=1)
    ]


class Trouble:
    """Inflicts the faults of a plan one after the other; what follows from one may overlap."""

    def __init__(self, settings: Settings, engines: Engines, fleet: Fleet, inputs: Inputs) -> None:
        self._settings = settings
        self._engines = engines
        self._fleet = fleet
        self._inputs = inputs
        self._restarts = {engine.name: asyncio.Lock() for engine in engines.both}
        self._inflict: dict[str, Callable[[random.Random], Awaitable[Hit]]] = {
            "kill -9": self._kill,
            "stop": self._stop,
            "rebalance": self._rebalance,
            "repeat": self._repeat,
            "rewind": self._rewind,
            "mongodb": lambda moments: self._restart(engines.mongod, moments),
            "kafka": lambda moments: self._restart(engines.kafka, moments),
        }
        self.entries: list[Entry] = []

    async def inflict(self, faults: Sequence[Fault]) -> None:
        """Begin when all work; return when the last fault is over."""
        await self._fleet.until_all_busy()
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as aftermaths:
            for fault in faults:
                await asyncio.sleep(fault.wait)
                hit = await self._inflict[fault.kind](random.Random(fault.seed))
                self.entries.append(Entry(fault, loop.time() - began, hit))
                if hit.aftermath is not None:
                    aftermaths.create_task(hit.aftermath)
        self._fleet.replace_dead()

    async def _kill(self, moments: random.Random) -> Hit:
        victim = await self._fleet.take(moments.choice(_SERVICES), moments)
        boundary = victim.kill()
        self._fleet.start(victim.name)
        return Hit(victim.name, boundary, "killed, started again")

    async def _stop(self, moments: random.Random) -> Hit:
        victim = await self._fleet.take(moments.choice(_SERVICES), moments)
        victim.suspend()
        seconds = moments.uniform(SESSION_SECONDS + 2.0, 2.5 * SESSION_SECONDS)
        done = f"stopped for {seconds:.1f} s"
        return Hit(victim.name, victim.last_boundary(), done, self._fleet.stop(victim, seconds))

    async def _rebalance(self, moments: random.Random) -> Hit:
        service = moments.choice(_SERVICES)
        joining = self._fleet.start(service)

        async def leave() -> None:
            await self._fleet.until_busy(joining)
            await self._fleet.end(await self._fleet.take(service, moments))

        return Hit(service, "starting", "one more joins, then another leaves", leave())

    async def _repeat(self, moments: random.Random) -> Hit:
        topic = moments.choice((RAW, RAW, CLASSIFIED, CHANGES))
        return Hit(topic, "", "written again: " + await self._inputs.repeat(topic, moments))

    async def _rewind(self, moments: random.Random) -> Hit:
        """Kafka takes offsets from outside only where a group has no members."""
        service = moments.choice(_SERVICES)
        ending = await self._fleet.take_all(service)
        boundary = ", ".join(process.last_boundary() for process in ending)
        await asyncio.gather(*(self._fleet.end(process) for process in ending))
        back = moments.randint(1, _FARTHEST_BACK)
        for group, topics in _GROUPS[service].items():
            await patiently(partial(rewind, self._settings, group, topics, back))
        for _ in ending:
            self._fleet.start(service)
        return Hit(service, boundary, f"all ended, offsets set back by {back}, started again")

    async def _restart(self, engine: EngineProcess, moments: random.Random) -> Hit:
        await self._restarts[engine.name].acquire()
        end = moments.choice((engine.kill, engine.stop))
        await asyncio.to_thread(end)
        seconds = moments.uniform(0.0, _LONGEST_OUTAGE)
        done = f"SIG{'KILL' if end == engine.kill else 'TERM'}, away for {seconds:.1f} s"
        return Hit(engine.name, "", done, self._back(engine, seconds))

    async def _back(self, engine: EngineProcess, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
            await asyncio.to_thread(engine.start)
        finally:
            self._restarts[engine.name].release()


async def rewind(settings: Settings, group: str, topics: Sequence[str], back: int) -> None:
    """Set a group's committed offsets back; Kafka must know before that all of it are gone."""
    places = {}
    for topic in topics:
        for partition, end in (await verdict.ends(settings, topic)).items():
            places[TopicPartition(settings.topic(topic), partition)] = max(end - back, 0)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=settings.topic(group),
        enable_auto_commit=False,
    )
    try:
        await consumer.start()
        consumer.assign(list(places))
        await consumer.commit(places)
    finally:
        await consumer.stop()
