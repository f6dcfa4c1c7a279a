"""Alerts as they are kept: what a claim costs, and who holds what."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from domain.alert_turns import FAILURES_OF_THE_BEGUN
from infra.alert_backlog import read_backlog, retry_alert
from infra.alerts import Alerts, Claim
from infra.mongo import Mongo
from tests.api.documents import NOON, alert

pytestmark = pytest.mark.services

MANY = 3_000


def alerts(mongo: Mongo, *, slots: int = 4, lease_seconds: float = 60.0) -> Alerts:
    """The alerts, as a process of its own would have them."""
    return Alerts(mongo, slots=slots, lease_seconds=lease_seconds)


async def claimed(mongo: Mongo, **options: Any) -> Claim | None:
    """What another process gets."""
    kept = alerts(mongo, **options)
    vacancy = await kept.vacancy()
    return None if vacancy is None else await kept.claim(vacancy)


def waiting(number: int, **fields: Any) -> dict[str, Any]:
    """The n-th alert, due a second after the one before."""
    moment = NOON + timedelta(seconds=number)
    return alert(f"a-{number:05}", due_at=moment, turn_at=moment, **fields)


async def test_a_claim_looks_at_few_of_many(mongo: Mongo) -> None:
    rows = [waiting(n) for n in range(MANY)]
    ended = [waiting(MANY + n, state="delivered") for n in range(MANY)]
    await mongo["alerts"].insert_many([*rows, *ended])
    await mongo.database.command("profile", 2)

    await alerts(mongo).seconds_until_due()
    claim = await claimed(mongo)
    await read_backlog(mongo)

    await mongo.database.command("profile", 0)
    wanted = {"ns": mongo["alerts"].full_name, "op": {"$in": ["query", "command", "update"]}}
    seen = await mongo.database["system.profile"].find(wanted).to_list(None)
    assert claim is not None
    assert claim.id == "a-00000"
    assert len(seen) >= 6
    assert {entry["docsExamined"] > 20 for entry in seen} == {False}, seen


async def test_of_many_processes_no_two_get_one_alert_or_one_slot(mongo: Mongo) -> None:
    await mongo["alerts"].insert_many([waiting(n) for n in range(40)])

    claims = await asyncio.gather(*(claimed(mongo, slots=5) for _ in range(30)))

    held = [claim.id for claim in claims if claim is not None]
    assert len(held) == len(set(held)) <= 5
    out = await mongo["alerts"].find({"slot": {"$exists": True}}).to_list(None)
    assert len({row["slot"] for row in out}) == len(out) == len(held)
    assert await claimed(mongo, slots=len(held)) is None


async def test_what_is_held_too_long_is_taken_over_with_its_slot(mongo: Mongo) -> None:
    await mongo["alerts"].insert_one(waiting(1))
    lost = await claimed(mongo, slots=1, lease_seconds=0.2)
    assert lost is not None
    assert await claimed(mongo, slots=1) is None
    await asyncio.sleep(0.3)

    heir = await claimed(mongo, slots=1)

    assert heir is not None
    assert (heir.id, heir.calls) == (lost.id, 2)
    assert not await alerts(mongo).deliver(lost)
    assert await alerts(mongo).deliver(heir)


async def test_one_that_is_to_be_sent_again_goes_before_those_that_came_later(
    mongo: Mongo,
) -> None:
    late = NOON + timedelta(days=9_000)
    stubborn = waiting(1) | {"turn_at": late, "next_at": late, "calls": 9}
    await mongo["alerts"].insert_many([stubborn, waiting(2)])

    await retry_alert(mongo, "a-00001", None)
    claim = await claimed(mongo)

    assert claim is not None
    assert claim.id == "a-00001"


async def test_the_oldest_goes_first_and_one_that_failed_keeps_its_place(mongo: Mongo) -> None:
    await mongo["alerts"].insert_many([waiting(2), waiting(1)])
    kept = alerts(mongo, slots=1)

    for _ in range(FAILURES_OF_THE_BEGUN):
        claim = await claimed(mongo, slots=1)
        assert claim is not None
        assert claim.id == "a-00001"
        await kept.postpone(claim, "answered 500", 0.0)
    last = await claimed(mongo, slots=1)
    assert last is not None
    await kept.postpone(last, "answered 500", 0.0)
    other = await claimed(mongo, slots=1)

    assert (last.id, last.calls) == ("a-00001", FAILURES_OF_THE_BEGUN + 1)
    assert other is not None
    assert other.id == "a-00002"
