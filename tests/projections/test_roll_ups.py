"""Roll-ups beside projectors: exact at any moment, merged or not, rebuilt, repaired, verified."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.scope import TenantScope
from api.statistics import TicketRange, count_tickets
from api.zones import zone_of
from domain.changes import decide
from domain.events import encode
from domain.identity import partition_of
from domain.labels import Labels, Sentiment, Urgency
from domain.read_models import ROLL_UPS, TICKETS
from domain.records import Deleted, Observed
from domain.ticket_state import TicketState
from domain.topics import CHANGES
from infra import crash_points
from infra.kafka import Outgoing
from infra.mongo import Document, Mongo
from infra.read_models import TICKETS as TICKETS_PROJECTION
from infra.read_models import active, active_generation
from projections.roll_up_merging import RollUpMerger
from tests.api.recount import recount
from tests.domain.strategies import deleted, observed
from tests.projections.projected import Projected, projecting
from tests.projections.written_log import WrittenLog, written_log

pytestmark = pytest.mark.services

TENANT = "acme"
NOW = datetime(2026, 10, 26, 9, 41, 3, 500_000, tzinfo=UTC)
URGENCIES: list[Urgency] = ["high", "medium", "low"]
SENTIMENTS: list[Sentiment] = ["negative", "neutral", "positive"]
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "-09:30", "+00:07"]
WORDS = [
    *("refund", "invoice", "Ärger", "dépôt", "login", "outage", "printer", "shop"),
    *("door", "the", "und", "que", "404", "v2"),
]


@pytest.fixture
async def log(settings: Any, mongo: Mongo, topics: None) -> AsyncIterator[WrittenLog]:
    """The log and read models of one test."""
    async with written_log(settings, mongo) as made:
        yield made


def lives(seed: int, tickets: int, steps: int) -> Iterator[Outgoing]:
    """Change events of tickets around the end of summer time in Europe."""
    rng = random.Random(seed)
    states: dict[int, TicketState] = {}
    for step in range(steps):
        number = rng.randrange(tickets)
        said: dict[str, Any] = {"external_id": f"T-{number}"}
        record: Observed | Deleted = deleted(step, **said)
        if rng.random() < 0.9:
            created = random.Random(number if rng.random() < 0.9 else step)
            urgency = rng.choice(URGENCIES)
            labels = Labels(urgency, rng.choice(SENTIMENTS), rng.random() < 0.5, (), 1)
            record = observed(
                step,
                **said,
                subject=" ".join(rng.choices(WORDS, k=2)),
                message=" ".join(rng.choices(WORDS, k=rng.randrange(6))),
                status=rng.choice(["open", "pending", "closed"]),
                customer_id=rng.choice([None, "C-1", "C-2", "C-3"]),
                created_at=NOW - timedelta(milliseconds=created.randrange(40 * 86_400_000)),
                labels=labels,
            )
        known = states.get(number) or TicketState(tenant_id=TENANT, external_id=f"T-{number}")
        states[number], _, event = decide(known, record)
        if event is not None:
            yield Outgoing(event.key.encode(), encode(event))


async def append(log: WrittenLog, records: list[Outgoing]) -> None:
    """Write to the log."""
    by_partition: dict[int, list[Outgoing]] = {}
    for record in records:
        partition = partition_of(record.key or b"", log.settings.kafka_partitions)
        by_partition.setdefault(partition, []).append(record)
    await log.publisher.publish(CHANGES, by_partition)


async def ask(mongo: Mongo, rng: random.Random) -> tuple[TicketRange, Document]:
    """A random question, with its answer, whose sums agree."""
    ends = sorted(NOW - timedelta(seconds=rng.randrange(42 * 86_400)) for _ in range(2))
    if rng.random() < 0.3:
        ends = [end.replace(minute=0, second=0, microsecond=0) for end in ends]
    begin, end = (None if rng.random() < 0.25 else end for end in ends)
    tz = rng.choice(ZONES)
    chosen = TicketRange(begin, end, tz, zone_of(tz))
    shown = await count_tickets(TenantScope(mongo, TENANT), chosen, NOW)
    for sums in ("by_status", "by_urgency", "by_sentiment"):
        assert sum(shown[sums].values()) == shown["total_tickets"]
        assert min(shown[sums].values(), default=0) >= 0
    assert sum(hour["count"] for hour in shown["hourly_trend"]) <= shown["total_tickets"]
    high = sum(hour["high"] for hour in shown["hourly_trend"])
    assert 0 <= high <= shown["by_urgency"]["high"]
    assert all(word["count"] <= shown["total_tickets"] for word in shown["top_keywords"])
    return chosen, shown


async def wrong(mongo: Mongo, seed: int, times: int) -> list[object]:
    """Random questions whose answers are not what a naive recount of the tickets gives."""
    rng = random.Random(seed)
    found: list[object] = []
    name = (await active(mongo))[TICKETS]
    tickets = await mongo[name].find({"tenant_id": TENANT}).to_list(None)
    for _ in range(times):
        chosen, shown = await ask(mongo, rng)
        expected = recount(tickets, chosen.begin, chosen.end)
        if {name: shown[name] for name in expected} != expected:
            found.append(chosen)
        for hour in shown["hourly_trend"]:
            begin = datetime.fromisoformat(hour["hour"])
            span = chosen.span.within(begin, begin + timedelta(hours=1))
            inside = recount(tickets, span.begin, span.end)
            if (hour["count"], hour["high"]) != (
                inside["total_tickets"],
                inside["by_urgency"]["high"],
            ):
                found.append((chosen, hour))
    return found


async def merge(mongo: Mongo, least: int = 1) -> int:
    """Merge whatever is outstanding."""
    name = (await active(mongo))[ROLL_UPS]
    return await RollUpMerger(mongo).merge(name, words=least, deltas=least)


async def test_answers_are_exact_while_tickets_change_and_after(log: WrittenLog) -> None:
    records = list(lives(1, 150, 900))
    rng = random.Random(2)
    answers = 0

    async def write() -> None:
        for first in range(0, len(records), 90):
            await append(log, records[first : first + 90])
            await log.project()

    async def merge_on_and_on() -> None:
        while not writing.done():
            await merge(log.mongo, rng.choice([1, 40]))

    await append(log, records[:1])
    await log.project()
    writing = asyncio.create_task(write())
    merging = asyncio.create_task(merge_on_and_on())
    while not writing.done():
        await ask(log.mongo, rng)
        answers += 1
    await asyncio.gather(writing, merging)

    assert answers > 5
    assert await wrong(log.mongo, 3, 15) == []
    await merge(log.mongo)
    assert await log.mongo[ROLL_UPS].count_documents({"kind": "delta"}) == 0
    assert await wrong(log.mongo, 4, 15) == []
    report = await log.verify()
    assert (report.differences, report.unchecked) == ([], [])


async def test_a_merger_that_dies_before_its_commit_leaves_everything_as_it_was(
    log: WrittenLog,
) -> None:
    await append(log, list(lives(5, 40, 200)))
    await log.project()
    before = await log.mongo[ROLL_UPS].find().sort("_id").to_list(None)

    def die(boundary: str) -> None:
        if boundary == "roll_ups_before_commit":
            raise KeyboardInterrupt

    crash_points.watch(die)
    try:
        with pytest.raises(KeyboardInterrupt):
            await merge(log.mongo)
    finally:
        crash_points.watch(None)

    assert await log.mongo[ROLL_UPS].find().sort("_id").to_list(None) == before
    assert await merge(log.mongo) == len(before)
    assert await wrong(log.mongo, 6, 8) == []


async def test_two_who_merge_at_once_count_nothing_twice(log: WrittenLog) -> None:
    await append(log, list(lives(7, 60, 300)))
    await log.project()

    outcomes = await asyncio.gather(*(merge(log.mongo) for _ in range(3)), return_exceptions=True)
    await merge(log.mongo)

    assert any(isinstance(outcome, int) and outcome for outcome in outcomes)
    assert await wrong(log.mongo, 8, 8) == []
    assert (await log.verify()).differences == []


async def test_a_sum_that_was_changed_by_hand_is_named_and_repaired(projected: Projected) -> None:
    mongo = projected.mongo
    async with written_log(projected.settings, mongo) as log:
        await append(log, list(lives(9, 40, 200)))
        async with projecting(projected.settings):
            await projected.applied()
            await merge(mongo)
            await mongo[ROLL_UPS].update_one(
                {"kind": "day.words", "days.words.n": 1}, {"$inc": {"days.0.words.0.n": 1}}
            )
            found = await log.verify()
            assert {d.key.split(":")[1] for d in found.differences} == {"day.words"}
            assert {d.model for d in found.differences} == {ROLL_UPS}

            await projected.repair(TENANT)

            assert (await log.verify()).differences == []
            assert await wrong(mongo, 10, 6) == []


async def test_a_rebuild_makes_them_anew(projected: Projected) -> None:
    mongo = projected.mongo
    async with written_log(projected.settings, mongo) as log:
        await append(log, list(lives(11, 60, 300)))
        async with projecting(projected.settings):
            await projected.applied()
            await projected.rebuild(batch=40)
            live = await active_generation(mongo, TICKETS_PROJECTION)
            assert live.roll_ups == "roll_ups_g2"
            assert await wrong(mongo, 12, 8) == []
            assert (await log.verify()).differences == []


async def test_a_deployment_of_before_has_none_until_it_rebuilds(projected: Projected) -> None:
    mongo = projected.mongo
    await mongo["read_models"].update_one({"_id": "active"}, {"$unset": {ROLL_UPS: ""}})
    async with written_log(projected.settings, mongo) as log:
        await append(log, list(lives(13, 20, 60)))
        async with projecting(projected.settings):
            await projected.applied()
            assert await mongo[ROLL_UPS].count_documents({}) == 0
            assert (await active_generation(mongo, TICKETS_PROJECTION)).roll_ups is None
            await projected.rebuild()
            assert await wrong(mongo, 14, 4) == []
