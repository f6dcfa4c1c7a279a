"""After MongoDB was away, a call that looks lost gets the time that its end takes to be noted."""

import asyncio
from typing import Any, Final

from pymongo.errors import AutoReconnect

from infra.alerts import Alerts
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
