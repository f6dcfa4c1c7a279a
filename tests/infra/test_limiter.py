"""The sliding window, shared through a real MongoDB; periods are shrunk, counts are not."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from infra import collections
from infra.leases import NEVER
from infra.limiter import Limiter, reserved_slots
from infra.mongo import Mongo
from infra.settings import Settings
from tests.integration.pipeline import eventually

pytestmark = pytest.mark.services

PERIOD = 1.5
LIMIT = 30


@pytest.fixture
async def process(mongo: Mongo) -> Callable[..., Limiter]:
    """Makes limiters of one window, as so many processes would."""

    def make(limit: int = LIMIT, period: float = PERIOD, timeout: float = 5.0) -> Limiter:
        return Limiter(mongo, "helpdesk", limit=limit, period=period, timeout=timeout)

    await make().prepare()
    return make


async def calls(limiter: Limiter, run: str, number: int, seconds: float = 0.0) -> list[float]:
    """Make calls one after the other; return when each arrived, by the clock of the loop."""
    arrived = []
    durations = random.Random(run)
    for _ in range(number):
        async with limiter.slot(run) as slot:
            slot.is_used = True
            arrived.append(asyncio.get_running_loop().time())
            await asyncio.sleep(durations.uniform(0, seconds))
    return arrived


def fullest_window(arrivals: list[float], period: float) -> int:
    """The most calls that any window of a period holds."""
    ordered = sorted(arrivals)
    return max(sum(1 for a in ordered if start <= a < start + period) for start in ordered)


@pytest.mark.parametrize(("limit", "kept"), [(60, 4), (120, 8), (30, 2), (14, 1), (5, 1), (4, 0)])
def test_one_slot_in_fifteen_is_reserved(limit: int, kept: int) -> None:
    assert reserved_slots(limit) == kept


async def test_no_window_of_any_process_holds_more_than_the_limit(
    process: Callable[..., Limiter],
) -> None:
    arrivals = await asyncio.gather(
        *(calls(process(), f"run-{n}", 25, seconds=0.1) for n in range(5))
    )

    every = [moment for some in arrivals for moment in some]
    assert len(every) == 125
    assert fullest_window(every, PERIOD) <= LIMIT
    took = max(every) - min(every)
    print(f"\n{len(every)} calls in {took:.2f} s; the limit imposes {4 * PERIOD:.2f} s")  # noqa: T201
    assert 4 * PERIOD <= took < 6 * PERIOD


async def test_a_lone_run_waits_no_longer_than_the_limit_makes_it(
    process: Callable[..., Limiter],
) -> None:
    arrivals = await calls(process(60, 2.0), "run-1", 95)

    first = arrivals[0]
    windows = Counter(int((moment - first) // 2.0) for moment in arrivals)
    assert windows == {0: 56, 1: 39}


async def test_a_newcomer_does_not_wait_for_a_long_run(
    mongo: Mongo, process: Callable[..., Limiter]
) -> None:
    loop = asyncio.get_running_loop()
    long_run = asyncio.create_task(calls(process(60, 30.0), "long", 200))
    await eventually(partial(_slots, mongo), lambda slots: len(slots) == 56)
    began = loop.time()

    served = await asyncio.wait_for(calls(process(60, 30.0), "short", 4), 5)

    assert served[-1] - began < 5
    assert not long_run.done()
    await _cancelled(long_run)


async def test_a_hold_stops_everybody_and_the_longest_wins(
    process: Callable[..., Limiter],
) -> None:
    loop = asyncio.get_running_loop()
    await process().hold(1.0)
    await process().hold(0.1)
    began = loop.time()

    arrivals = await asyncio.gather(*(calls(process(), f"run-{n}", 1) for n in range(3)))

    assert min(moment for some in arrivals for moment in some) - began >= 0.99


async def test_a_hold_before_any_call_is_kept(mongo: Mongo) -> None:
    fresh = Limiter(mongo, "another", limit=5, period=1, timeout=1)

    await fresh.hold(60)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(calls(fresh, "run-1", 1), 0.5)


async def test_the_window_survives_a_restart(process: Callable[..., Limiter]) -> None:
    before = await calls(process(), "run-1", LIMIT - 2)
    after = await calls(process(), "run-1", 4)

    assert fullest_window(before + after, PERIOD) <= LIMIT


async def test_the_slot_of_a_caller_that_died_runs_out(
    mongo: Mongo, process: Callable[..., Limiter]
) -> None:
    limiter = process(1, 0.3, 0.3)
    held = limiter.slot("dead")
    (await held.__aenter__()).is_used = True
    began = asyncio.get_running_loop().time()

    (arrived,) = await calls(process(1, 0.3, 0.3), "alive", 1)

    assert arrived - began >= 0.55
    await mongo[collections.LIMITERS].delete_many({})
    await held.__aexit__(None, None, None)


async def test_a_slow_call_holds_its_slot_until_a_period_after_its_answer(
    process: Callable[..., Limiter],
) -> None:
    loop = asyncio.get_running_loop()
    async with process(1, 0.5).slot("slow") as slot:
        slot.is_used = True
        await asyncio.sleep(0.7)
    answered = loop.time()

    (arrived,) = await calls(process(1, 0.5), "next", 1)

    assert arrived - answered >= 0.49


async def test_who_is_cancelled_while_waiting_holds_nothing(
    mongo: Mongo, process: Callable[..., Limiter]
) -> None:
    await calls(process(2, 60.0), "run-1", 2)
    waiting = asyncio.create_task(calls(process(2, 60.0), "run-2", 1))
    await asyncio.sleep(0)

    await _cancelled(waiting)

    assert [slot["run"] for slot in await _slots(mongo)] == ["run-1", "run-1"]


async def test_a_slot_without_a_call_is_given_back(process: Callable[..., Limiter]) -> None:
    for _ in range(3):
        async with process(1, 60.0).slot("run-1"):
            pass

    assert len(await asyncio.wait_for(calls(process(1, 60.0), "run-2", 1), 5)) == 1


async def test_a_hold_stops_also_who_has_no_limit(process: Callable[..., Limiter]) -> None:
    began = asyncio.get_running_loop().time()
    await process().hold(0.5)

    (arrived,) = await calls(process(0), "run-1", 1)

    assert arrived - began >= 0.49


async def test_a_limit_of_zero_is_none(mongo: Mongo) -> None:
    assert (
        len(await calls(Limiter(mongo, "none", limit=0, period=60, timeout=1), "run", 200)) == 200
    )


async def test_of_those_who_wait_the_run_with_the_fewest_calls_goes_first(
    mongo: Mongo, process: Callable[..., Limiter]
) -> None:
    for run in ("many", "many", "many", "few"):
        await calls(process(4, 2.0), run, 1)
        await asyncio.sleep(0.2)
    waiting = [asyncio.create_task(calls(process(4, 2.0), "many", 1)) for _ in range(5)]
    await eventually(partial(_waiting, mongo), lambda waiting: len(waiting) == 5)
    waiting.append(asyncio.create_task(calls(process(4, 2.0), "few", 1)))

    *others, served = [moment for moments in await asyncio.gather(*waiting) for moment in moments]

    assert served < min(others), "the last who came holds the fewest"
    assert await _waiting(mongo) == []


async def test_among_equals_who_came_first_goes_first(
    mongo: Mongo, process: Callable[..., Limiter]
) -> None:
    for _ in range(4):
        await calls(process(4, 2.0), "long", 1)
        await asyncio.sleep(0.2)
    waiting = []
    for place in range(4):
        waiting.append(asyncio.create_task(calls(process(4, 2.0), f"run-{place}", 1)))
        await eventually(partial(_waiting, mongo), lambda seen: len(seen) == len(waiting))

    served = [moment for moments in await asyncio.gather(*waiting) for moment in moments]

    assert served == sorted(served)


async def test_who_sleeps_keeps_nobody_waiting_for_a_free_slot(
    mongo: Mongo, process: Callable[..., Limiter]
) -> None:
    now = datetime.now(UTC)
    asleep = {"since": NEVER, "due": now + timedelta(minutes=1), "until": now + timedelta(hours=1)}
    await mongo[collections.LIMITERS].update_one(
        {}, {"$set": {"waiting": [asleep | {"id": "asleep", "run": "asleep"}]}}
    )

    assert len(await asyncio.wait_for(calls(process(1, 60.0), "awake", 1), 10)) == 1


async def test_who_died_while_waiting_keeps_its_place_for_a_moment_only(
    mongo: Mongo, process: Callable[..., Limiter]
) -> None:
    limiter = process(1, 0.3)
    until = datetime.now(UTC) + timedelta(seconds=1)
    dead = {"id": "dead", "run": "dead", "since": NEVER, "due": NEVER, "until": until}
    await mongo[collections.LIMITERS].update_one({}, {"$set": {"waiting": [dead]}})

    await asyncio.wait_for(calls(limiter, "alive", 1), 10)

    assert datetime.now(UTC) >= until


async def test_a_run_never_waits_for_itself(mongo: Mongo, process: Callable[..., Limiter]) -> None:
    until = datetime.now(UTC) + timedelta(seconds=60)
    before = {"id": "killed", "run": "run-1", "since": NEVER, "due": NEVER, "until": until}
    await mongo[collections.LIMITERS].update_one({}, {"$set": {"waiting": [before]}})

    assert len(await asyncio.wait_for(calls(process(1, 60.0), "run-1", 1), 10)) == 1


async def test_a_call_that_is_out_is_not_taken_for_one_that_hangs(
    process: Callable[..., Limiter],
) -> None:
    out = asyncio.create_task(calls(process(1, 0.3, 60.0), "run-1", 1, seconds=0.5))
    await asyncio.sleep(0.05)

    await asyncio.wait_for(calls(process(1, 0.3, 60.0), "run-2", 1), 20)

    await out


async def test_whenever_one_is_cancelled_nothing_is_left(
    mongo: Mongo, process: Callable[..., Limiter]
) -> None:
    limiter = process(3, 60.0)
    await calls(limiter, "run-1", 2)
    moments = random.Random(4)
    for _ in range(150):
        taking = asyncio.create_task(_unused(limiter))
        await asyncio.sleep(moments.uniform(0, 0.008))
        await _cancelled(taking)

    assert len(await _slots(mongo)) == 2
    assert await _waiting(mongo) == []


@pytest.mark.usefixtures("mongo")  # which empties the database; this client is to be closed
async def test_a_cancellation_is_one_also_while_mongodb_is_gone(settings: Settings) -> None:
    mongo = Mongo(settings)
    limiter = Limiter(mongo, "helpdesk", limit=5, period=60, timeout=1)
    calling = asyncio.create_task(calls(limiter, "run-1", 1, seconds=600))
    await eventually(partial(_slots, mongo), lambda slots: len(slots) == 1)
    mongo.close()

    await _cancelled(calling)

    assert calling.cancelled()


async def _unused(limiter: Limiter) -> list[float]:
    async with limiter.slot("run-2"):
        await asyncio.sleep(60)
    return []


async def _waiting(mongo: Mongo) -> list[dict[str, Any]]:
    document = await mongo[collections.LIMITERS].find_one({"_id": "helpdesk"})
    return list(document["waiting"]) if document else []


async def _slots(mongo: Mongo) -> list[dict[str, Any]]:
    document = await mongo[collections.LIMITERS].find_one({"_id": "helpdesk"})
    return list(document["slots"]) if document else []


async def _cancelled(task: "asyncio.Task[list[float]]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
