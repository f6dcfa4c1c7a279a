"""Two stages that both take a partition for their own: one works, and the other leaves it alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from domain.topics import CHANGES
from infra.jobs import jobs_of
from infra.kafka import Record
from infra.log_reader import LogReader
from infra.mongo import Mongo
from infra.read_models import TICKETS, ProjectionCheckpoints
from infra.settings import Settings
from infra.settlement import Settlement
from infra.stage import Stage
from projections.tickets import TicketsStep
from tests.projections.projected import Projected, connected, log_of_tickets

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics", "mongo")]

EVENTS = 4_000
BATCH = 25  # records, as a consumer hands them out


@pytest.fixture
async def projected(settings: Settings) -> AsyncIterator[Projected]:
    async with connected(settings) as running:
        yield running


def stage(projected: Projected, reader: LogReader) -> Stage:
    """A stage as a projector of its own has it."""
    checkpoints = ProjectionCheckpoints(projected.mongo, TICKETS)
    settlement = Settlement(projected.mongo, jobs_of(projected.mongo, projected.settings))
    step = TicketsStep(
        projected.mongo, checkpoints, projected.publisher, settlement,
        projected.settings.kafka_partitions,
    )  # fmt: skip
    return Stage(CHANGES, step, checkpoints, reader)


async def hand_out(stage: Stage, records: list[Record]) -> None:
    """Deliver a partition's records as to a consumer that nobody told that it lost it."""
    for start in range(0, len(records), BATCH):
        await stage.absorb(records[start : start + BATCH])


async def ended_sessions(mongo: Mongo) -> int:
    status = await mongo.client.admin.command("serverStatus")
    return int(status["metrics"]["commands"]["killSessions"]["total"])


async def test_two_who_both_have_a_partition_do_not_end_each_others_transactions(
    settings: Settings, projected: Projected
) -> None:
    log = log_of_tickets(settings, EVENTS)
    await projected.publish(log)
    longest = max(log, key=lambda partition: len(log[partition]))
    before = await ended_sessions(projected.mongo)

    async with AsyncExitStack() as stack:
        readers = [LogReader(settings), LogReader(settings)]
        for reader in readers:
            stack.push_async_callback(reader.stop)
        end = (await readers[0].bounds(CHANGES, [longest]))[longest][1]
        records, _ = await readers[0].read(CHANGES, longest, 0, end, limit=EVENTS)
        both = [stage(projected, reader) for reader in readers]
        assert [await one.positions([longest]) for one in both] == [{longest: 0}] * 2
        await asyncio.gather(*(hand_out(one, records) for one in both))

        # Whoever has it in the end is not told apart; what he lacks he gets when he is given it.
        await both[0].positions([longest])
        await both[0].absorb(records[-1:])
        assert await both[0].positions([longest]) == {longest: end}

    # One for each time that somebody opened it: four, and one that was left to another.
    assert await ended_sessions(projected.mongo) - before <= 6
    assert await projected.mongo["ticket_history"].count_documents({}) == len(records)
