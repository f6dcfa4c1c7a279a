"""Two stages that both take a partition for their own: the one who took it last has it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from domain.topics import CHANGES
from infra.jobs import jobs_of
from infra.log_reader import LogReader
from infra.mongo import Mongo
from infra.read_models import TICKETS, ProjectionCheckpoints
from infra.settings import Settings
from infra.settlement import Settlement
from infra.stage import Stage
from projections.tickets import TicketsStep
from tests.projections.projected import Projected, connected, log_of_tickets

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics", "mongo")]

EVENTS = 200


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


async def ended_sessions(mongo: Mongo) -> int:
    status = await mongo.client.admin.command("serverStatus")
    return int(status["metrics"]["commands"]["killSessions"]["total"])


async def test_whoever_lost_a_partition_leaves_it_to_the_one_who_took_it(
    settings: Settings, projected: Projected
) -> None:
    log = log_of_tickets(settings, EVENTS)
    await projected.publish(log)
    longest = max(log, key=lambda partition: len(log[partition]))
    async with AsyncExitStack() as stack:
        readers = [LogReader(settings), LogReader(settings)]
        for reader in readers:
            stack.push_async_callback(reader.stop)
        records, _ = await readers[0].read(CHANGES, longest, 0, 30, limit=30)
        loser, owner = (stage(projected, reader) for reader in readers)
        for one in (loser, owner):
            assert await one.positions([longest]) == {longest: 0}
        await owner.absorb(records[:10])
        ended = await ended_sessions(projected.mongo)

        # Nobody has told its consumer, which goes on.
        await loser.absorb(records[:10])
        await loser.absorb(records[10:20])
        await owner.absorb(records[10:20])

        assert await ended_sessions(projected.mongo) == ended
        assert await projected.mongo["ticket_history"].count_documents({}) == 20

        # Kafka has given it back.
        await loser.positions([longest])
        await loser.absorb(records[20:])
        assert await projected.mongo["ticket_history"].count_documents({}) == 30
