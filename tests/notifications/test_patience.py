"""After MongoDB was away, a call that looks lost gets the time that its end takes to be noted."""

import asyncio
from typing import Any, Final

from pymongo.errors import AutoReconnect

from domain.circuit import Admission
from infra.alerts import Alerts, Claim, Vacancy
from notifications.call import Leave
from notifications.delivery import Delivery

LEASE_SECONDS: Final = 0.6


class Away:
    """Alerts of which one is late; MongoDB does not answer the first question."""

    lease_seconds = LEASE_SECONDS

    def __init__(self) -> None:
        self.moments: list[float] = []
        self.succeeding: list[bool] = []

    async def seconds_until_due(self) -> float:
        self.moments.append(asyncio.get_running_loop().time())
        if len(self.moments) == 1:
            raise AutoReconnect("away")
        return 0.0

    async def vacancy(self, *, succeeding: bool) -> None:
        self.succeeding.append(succeeding)


async def test_nobody_is_succeeded_before_a_lease_after_mongodb_was_away() -> None:
    away: Any = Away()
    assert {"seconds_until_due", "vacancy"} <= set(dir(Alerts))  # what stands in for it here
    delivering = asyncio.create_task(Delivery(away, away, away, call_seconds=0.1).run())
    await asyncio.sleep(3 * LEASE_SECONDS)
    delivering.cancel()
    await asyncio.gather(delivering, return_exceptions=True)

    patient = away.succeeding.count(False)
    assert away.succeeding == [False] * patient + [True] * (len(away.succeeding) - patient)
    assert 0 < patient < len(away.succeeding)
    assert away.moments[1 + patient] - away.moments[0] >= LEASE_SECONDS


class Slow:
    """Alerts and a circuit that answer, though not at once."""

    lease_seconds = LEASE_SECONDS

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.given_up: list[Leave] = []

    async def seconds_until_due(self) -> float:
        return 0.0

    async def vacancy(self, *, succeeding: bool) -> Vacancy:
        return Vacancy(0)

    async def admit(self) -> Admission:
        return Admission("call", 0)

    async def claim(self, vacancy: Vacancy) -> Claim:
        self.asked.set()
        await asyncio.sleep(0.3)
        return Claim("a-1", "owner", 1, {})

    async def give_up(self, leave: Leave) -> None:
        self.given_up.append(leave)


async def test_what_is_taken_while_the_process_ends_is_given_up() -> None:
    slow: Any = Slow()
    delivering = asyncio.create_task(Delivery(slow, slow, slow, call_seconds=0.1).run())
    await slow.asked.wait()
    delivering.cancel()
    await asyncio.gather(delivering, return_exceptions=True)

    assert [leave.claim.id for leave in slow.given_up] == ["a-1"]
