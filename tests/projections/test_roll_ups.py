"""Roll-ups beside projectors: exact at any moment, merged or not, rebuilt, repaired, verified."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.identity import partition_of
from domain.read_models import ROLL_UPS
from domain.topics import CHANGES
from infra import crash_points
from infra.collections import ensure_collections
from infra.kafka import Outgoing
from infra.mongo import Document, Mongo
from infra.read_models import TICKETS as TICKETS_PROJECTION
from infra.read_models import active, active_generation
from projections.generations import roll_back
from projections.roll_up_merging import MOST_WORDS, RollUpMerger
from tests.integration.pipeline import eventually
from tests.projections.projected import Projected, log_of_tickets, projecting
from tests.projections.questions import TENANT, ask, lives, wrong
from tests.projections.written_log import WrittenLog, written_log

pytestmark = pytest.mark.services


@pytest.fixture
async def log(settings: Any, mongo: Mongo, topics: None) -> AsyncIterator[WrittenLog]:
    """The log and read models of one test."""
    async with written_log(settings, mongo) as made:
        yield made


async def append(log: WrittenLog, records: list[Outgoing]) -> None:
    """Write to the log."""
    by_partition: dict[int, list[Outgoing]] = {}
    for record in records:
        partition = partition_of(record.key or b"", log.settings.kafka_partitions)
        by_partition.setdefault(partition, []).append(record)
    await log.publisher.publish(CHANGES, by_partition)


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


@pytest.mark.parametrize("boundary", ["roll_ups_before_commit", "roll_ups_merged"])
async def test_a_merger_that_dies_counts_nothing_twice(log: WrittenLog, boundary: str) -> None:
    await append(log, list(lives(5, 40, 200)))
    await log.project()
    before = await log.mongo[ROLL_UPS].find().sort("_id").to_list(None)

    def die(reached: str) -> None:
        if reached == boundary:
            raise KeyboardInterrupt

    crash_points.watch(die)
    try:
        with pytest.raises(KeyboardInterrupt):
            await merge(log.mongo)
    finally:
        crash_points.watch(None)

    left = await log.mongo[ROLL_UPS].find().sort("_id").to_list(None)
    assert (left == before) == (boundary == "roll_ups_before_commit")
    assert await wrong(log.mongo, 6, 8) == []
    await merge(log.mongo)
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
                {"kind": "day", "names.words.n": 1}, {"$inc": {"names.0.words.0.n": 1}}
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
    await mongo[ROLL_UPS].drop()
    await ensure_collections(mongo)
    async with written_log(projected.settings, mongo) as log:
        await append(log, list(lives(13, 20, 60)))
        async with projecting(projected.settings):
            await projected.applied()
            assert await mongo[ROLL_UPS].count_documents({}) == 0
            assert (await active_generation(mongo, TICKETS_PROJECTION)).roll_ups is None
            await projected.rebuild()
            assert await wrong(mongo, 14, 4) == []

            await roll_back(mongo, projected.reader, TICKETS_PROJECTION)
            assert (await active_generation(mongo, TICKETS_PROJECTION)).roll_ups is None
            await roll_back(mongo, projected.reader, TICKETS_PROJECTION)
            assert await wrong(mongo, 14, 4) == []


async def test_a_projector_merges_what_readers_would_have_to_add_up(projected: Projected) -> None:
    await projected.publish(log_of_tickets(projected.settings, 1_500))

    async def most_outstanding() -> int:
        words = {"$group": {"_id": "$tenant_id", "words": {"$sum": "$weight"}}}
        stages: list[Document] = [{"$match": {"kind": "delta"}}, words]
        found = await projected.mongo[ROLL_UPS].aggregate(stages).to_list(None)
        return max((tenant["words"] for tenant in found), default=0)

    async with projecting(projected.settings):
        await projected.applied()
        await eventually(most_outstanding, lambda words: words < MOST_WORDS)
        wanted = {"kind": "all"}
        merged = projected.mongo[ROLL_UPS].count_documents
        assert await eventually(lambda: merged(wanted), bool) > 0
