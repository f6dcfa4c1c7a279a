"""Faults of a soak from a seed: who is killed or stopped, and for how long; and a record of it."""

import asyncio
import random
from collections.abc import Sequence
from typing import Final, NamedTuple

from benchmarks.deployment import Deployment
from dev.engine_process import EngineProcess
from dev.engines import Engines

_KINDS: Final = {"kill -9": 5, "stop": 2, "mongodb": 2, "kafka": 2}  # how often, among eleven
_LONGEST_OUTAGE: Final = 5.0
_STOPPED: Final = (12.0, 18.0)  # seconds: longer than a consumer's session


class Fault(NamedTuple):
    """One fault: `at` seconds after the start, to whom, for how long; killed, or ended in order."""

    at: float
    kind: str
    victim: str
    seconds: float
    killed: bool


class Inflicted(NamedTuple):
    """A fault as it happened: begun and over, on the loop's clock."""

    fault: Fault
    began: float
    ended: float


def plan(seed: int, seconds: float, pace: float, victims: Sequence[str]) -> list[Fault]:
    """Faults about one in `pace` seconds; the first and the last `pace` seconds have none."""
    chance = random.Random(seed)  # noqa: S311 (repeatable is what it is for)
    faults = []
    at = pace
    while at < seconds - pace:
        kind = chance.choices(list(_KINDS), list(_KINDS.values()))[0]
        victim = kind if kind in ("mongodb", "kafka") else chance.choice(victims)
        length = chance.uniform(*_STOPPED) if kind == "stop" else chance.uniform(0, _LONGEST_OUTAGE)
        faults.append(Fault(at, kind, victim, length, chance.random() < 0.5))
        at += pace * chance.uniform(0.8, 1.2)
    return faults


class Trouble:
    """Inflicts a plan, one fault after the other."""

    def __init__(self, deployment: Deployment, engines: Engines) -> None:
        self._deployment = deployment
        self._engines: dict[str, EngineProcess] = {
            "mongodb": engines.mongod,
            "kafka": engines.kafka,
        }
        self.inflicted: list[Inflicted] = []

    async def inflict(self, faults: Sequence[Fault]) -> None:
        """Until the last one is over."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for fault in faults:
            await asyncio.sleep(max(began + fault.at - loop.time(), 0.0))
            struck = loop.time()
            await self._strike(fault)
            self.inflicted.append(Inflicted(fault, struck, loop.time()))

    async def _strike(self, fault: Fault) -> None:
        if fault.kind == "kill -9":
            self._deployment.replace_killed(fault.victim)
        elif fault.kind == "stop":
            await self._suspend(fault)
        else:
            engine = self._engines[fault.kind]
            await asyncio.to_thread(engine.kill if fault.killed else engine.stop)
            await asyncio.sleep(fault.seconds)
            await asyncio.to_thread(engine.start)

    async def _suspend(self, fault: Fault) -> None:
        process = dict(self._deployment.processes())[fault.victim]
        process.suspend()
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            process.resume()
