"""Rebuilds: the same documents again, beside the live ones, and in their place at one stroke."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from domain.errors import VersionGapError
from domain.events import ChangeEvent, RunMarker, Tally, decode, encode
from domain.rebuild_errors import (
    DigestsDifferError,
    LogIncompleteError,
    NothingKeptError,
    NothingToRebuildError,
    RebuildDiffersError,
    RebuildOnError,
)
from domain.topics import CHANGES
from infra.kafka import Outgoing
from infra.lag import live_seconds
from infra.read_models import TICKETS
from infra.rebuilds import Rebuilds
from projections.generations import prune, roll_back
from projections.rebuild import Order
from projections.shadow import Shadow
from tests.integration.pipeline import eventually
from tests.projections.projected import Projected, kept, log_of_tickets, projecting

pytestmark = pytest.mark.services

EVENTS = 800
LATE = 0.2


@pytest.fixture
async def applied(projected: Projected) -> Projected:
    """A log that was projected; no projector runs any more."""
    await projected.publish(log_of_tickets(projected.settings, EVENTS))
    async with projecting(projected.settings):
        await projected.applied()
    return projected


@pytest.mark.parametrize(("batch", "processes"), [(1, 1), (7, 2), (500, 4), (5_000, 1)])
async def test_batches_and_processes_do_not_matter(
    applied: Projected, batch: int, processes: int
) -> None:
    before = await applied.digests()

    swapped = await applied.rebuild(batch=batch, processes=processes)

    assert swapped.number == 2
    assert dict(swapped.digests) == await applied.digests() == before
    assert sum(digest.documents for (_, model), digest in before.items() if model != "tickets") == (
        EVENTS
    )


async def test_projectors_go_on_with_the_new_generation(projected: Projected) -> None:
    log = log_of_tickets(projected.settings, EVENTS)
    await projected.publish({p: some[: len(some) // 2] for p, some in log.items()})
    async with projecting(projected.settings, processes=2):
        await projected.applied()
        await projected.rebuild()
        await projected.publish({p: some[len(some) // 2 :] for p, some in log.items()})
        await projected.applied()
        after = await projected.digests()

    first = await kept(projected.mongo, 1)
    assert sum(d.documents for d in first.values()) < sum(d.documents for d in after.values())
    assert dict(after) == await kept(projected.mongo, 2)


async def test_a_document_changed_by_hand_is_healed_for_its_tenant(applied: Projected) -> None:
    before = await applied.digests()
    ticket = await applied.some("tickets")
    tenant = ticket["tenant_id"]
    entry = await applied.some("ticket_history", tenant_id={"$ne": tenant})
    tickets, history = applied.mongo["tickets"], applied.mongo["ticket_history"]
    gone = await applied.some("ticket_history", tenant_id=tenant)
    await tickets.update_one({"_id": ticket["_id"]}, {"$set": {"status": "tampered"}})
    await tickets.insert_one({**ticket, "_id": f"{tenant}:zz", "external_id": "zz"})
    await history.delete_one({"_id": gone["_id"]})
    await history.update_one({"_id": entry["_id"]}, {"$set": {"action": "tampered"}})

    count = await applied.repair(tenant)

    assert count == 3
    assert sorted(map(str, applied.named)) == sorted(
        [
            f"tickets {ticket['_id']}: status",
            f"tickets {tenant}:zz: not in the log",
            f"ticket_history {gone['_id']}: missing",
        ]
    )
    assert await applied.traces() == []
    left = await history.find_one({"_id": entry["_id"]})
    assert left is not None
    assert left["action"] == "tampered", "another tenant's document is none of its business"
    await applied.repair(entry["tenant_id"])
    assert await applied.digests() == before


async def test_a_whole_rebuild_heals_what_was_changed_by_hand(applied: Projected) -> None:
    before = await applied.digests()
    ticket = await applied.some("tickets")
    await applied.mongo["tickets"].update_one(
        {"_id": ticket["_id"]}, {"$set": {"subject": "tampered"}}
    )

    await applied.rebuild()

    assert await applied.digests() == before
    assert await applied.some("tickets", _id=ticket["_id"]) == ticket


async def test_what_differs_is_named_and_not_swapped_in_unless_accepted(
    applied: Projected,
) -> None:
    before = await kept(applied.mongo, 1)
    ticket = await applied.some("tickets")
    share = {"model": "tickets", "tenant_id": ticket["tenant_id"]}
    await applied.mongo["tickets"].delete_one({"_id": ticket["_id"]})
    await applied.mongo["digests"].update_one(share, {"$inc": {"documents": -1, "limbs.0": 1}})

    with pytest.raises(DigestsDifferError, match=f"tickets of {ticket['tenant_id']}"):
        await applied.rebuild()
    refused = [str(one) for one in applied.named]
    missing = await applied.mongo["tickets"].find_one({"_id": ticket["_id"]})
    swapped = await applied.rebuild(accept_differences=True)

    assert refused == [f"tickets {ticket['_id']}: missing"]
    assert missing is None
    assert list(swapped.differing) == [(ticket["tenant_id"], "tickets")]
    assert await applied.digests() == before


async def test_rollback_brings_the_generation_before_up_to_date(projected: Projected) -> None:
    log = log_of_tickets(projected.settings, EVENTS)
    await projected.publish({p: some[:100] for p, some in log.items()})
    async with projecting(projected.settings):
        await projected.applied()
        await projected.rebuild()
        await projected.publish({p: some[100:] for p, some in log.items()})
        await projected.applied()
        rebuilt = await projected.digests()
        swapped = await roll_back(projected.mongo, projected.reader, TICKETS)
        await projected.applied()

        assert swapped.number == 1
        assert await projected.digests() == rebuilt
        again = await roll_back(projected.mongo, projected.reader, TICKETS)
        assert again.number == 2
        assert await projected.digests() == rebuilt
    assert await prune(projected.mongo, TICKETS) == [1]
    assert await projected.traces() == []
    with pytest.raises(NothingKeptError):
        await roll_back(projected.mongo, projected.reader, TICKETS)


async def test_a_log_without_its_head_is_refused(applied: Projected) -> None:
    place = TopicPartition(applied.settings.topic(CHANGES), 2)
    admin = AIOKafkaAdminClient(bootstrap_servers=applied.settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_records({place: RecordsToDelete(before_offset=5)})
    finally:
        await admin.close()

    with pytest.raises(LogIncompleteError, match=r"tickets\.changes\[2\].*begins at offset 5"):
        await applied.rebuild()

    assert await applied.traces() == []


async def test_a_log_that_lacks_an_event_is_refused(projected: Projected) -> None:
    log = log_of_tickets(projected.settings, EVENTS)
    updated = [r.key for r in log[0]]
    twice = next(key for key in updated if updated.count(key) == 2)
    log[0] = [r for n, r in enumerate(log[0]) if n != updated.index(twice)]
    await projected.publish(log)
    async with projecting(projected.settings):
        await projected.applied()

    with pytest.raises(VersionGapError, match="expected version 1, received 2"):
        await projected.rebuild(accept_differences=True)

    assert await Rebuilds(projected.mongo).cancel(TICKETS)
    assert await projected.traces() == []


@pytest.mark.parametrize("said", [0, 1])
async def test_a_log_that_lacks_what_a_run_wrote_is_refused(
    projected: Projected, said: int
) -> None:
    """Whole tickets may be missing without a gap: only the run's own count tells."""
    log = log_of_tickets(projected.settings, EVENTS)
    events = [event for r in log[1] if isinstance(event := decode(r.value), ChangeEvent)]
    tenant = events[0].tenant_id
    mine = [
        msgspec.structs.replace(event, cause="crawl", job_id="run-1")
        for event in events
        if event.tenant_id == tenant
    ]
    counts = Counter(event.type for event in mine)
    tally = Tally(new_ingested=counts["created"] + said, updated=counts["updated"], unchanged=9)
    marker = RunMarker(
        job_id="run-1",
        tenant_id=tenant,
        outcome="SUCCESS",
        partition=1,
        partitions=projected.settings.kafka_partitions,
        tally=tally,
    )
    await projected.publish({1: [Outgoing(e.key.encode(), encode(e)) for e in mine]})
    await projected.publish({1: [Outgoing(None, encode(marker))] * 2})
    async with projecting(projected.settings):
        await projected.applied()

    if not said:
        assert (await projected.rebuild(batch=7)).number == 2
        return
    with pytest.raises(LogIncompleteError, match=r"run run-1 wrote .*, the log holds"):
        await projected.rebuild(batch=7)


async def test_a_cancelled_rebuild_leaves_no_trace(applied: Projected) -> None:
    before = await applied.digests()
    begun = asyncio.Event()

    async def never(_: Shadow) -> None:
        begun.set()
        await asyncio.Event().wait()

    rebuilding = asyncio.create_task(_rebuild(applied, never))
    await begun.wait()
    with pytest.raises(RebuildOnError):
        await applied.rebuild()
    rebuilding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await rebuilding

    assert await applied.traces() == []
    assert await applied.digests() == before
    assert (await applied.rebuild()).number == 2


async def test_an_interrupted_rebuild_of_another_extent_is_not_mixed_up(
    applied: Projected,
) -> None:
    async def failing(_: Shadow) -> None:
        raise LogIncompleteError(CHANGES, 0, "says the test")

    with pytest.raises(LogIncompleteError):
        await _rebuild(applied, failing)
    tenant = (await applied.some("tickets"))["tenant_id"]
    with pytest.raises(RebuildDiffersError, match="all tenants"):
        await applied.repair(tenant)

    assert (await applied.rebuild()).number == 2


async def test_a_rebuild_waits_while_live_projectors_are_behind(projected: Projected) -> None:
    log = log_of_tickets(projected.settings, EVENTS)
    await projected.publish({p: some[:150] for p, some in log.items()})
    async with projecting(projected.settings):
        await projected.applied()
    await projected.publish({p: some[150:] for p, some in log.items()})
    await eventually(partial(live_seconds, projected.mongo, projected.reader, TICKETS), _is_late)

    rebuilding = asyncio.create_task(projected.rebuild(batch=1, longest_lag=LATE))
    await eventually(projected.is_paused, bool)
    async with projecting(projected.settings):
        swapped = await rebuilding
        await projected.applied()
        after = await projected.digests()

    assert not projected.shown[-1].is_paused
    assert dict(after) == await kept(projected.mongo, swapped.number)


def _is_late(seconds: float) -> bool:
    return seconds > LATE


async def test_where_no_projector_ever_was_there_is_nothing_to_rebuild(
    projected: Projected,
) -> None:
    with pytest.raises(NothingToRebuildError):
        await projected.rebuild()


async def test_events_that_arrive_during_rebuilds_are_applied_once(projected: Projected) -> None:
    """Each rebuild ends with another generation, while events go on arriving."""
    log = log_of_tickets(projected.settings, EVENTS)
    await projected.publish({p: some[:50] for p, some in log.items()})
    chance = random.Random(3)
    async with projecting(projected.settings):
        await projected.applied()
        feeding = asyncio.create_task(_feed(projected, log, 50))
        for _ in range(3):
            await projected.rebuild(batch=chance.choice([20, 100]))
        await feeding
        await projected.applied()
        after = await projected.digests()

    assert dict(after) == await kept(projected.mongo, 4)
    assert sum(d.documents for (_, model), d in after.items() if model != "tickets") == EVENTS


async def _feed(projected: Projected, log: dict[int, list[Outgoing]], first: int) -> None:
    longest = max(map(len, log.values()))
    for start in range(first, longest, 5):
        await projected.publish({p: some[start : start + 5] for p, some in log.items()})


async def _rebuild(projected: Projected, check: Callable[[Shadow], Awaitable[None]]) -> None:
    await projected.rebuilder().run(Order(TICKETS, processes=1), check, projected.named.append)
