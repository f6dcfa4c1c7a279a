"""Statistics under fire: exact while 1,000 events/s are applied and projectors die."""

import asyncio
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from benchmarks.open_loop import OpenLoop
from domain.identity import partition_of
from domain.topics import CHANGES
from infra.kafka import Outgoing
from infra.settings import Settings
from tests.faults.scenario import scenario
from tests.projections.projected import connected
from tests.projections.questions import TENANT, ask, lives, wrong
from tests.projections.written_log import written_log

RATE = 1_000
SECONDS = 40
QUESTIONS = 200
KILLS = 4


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_random_questions_while_projectors_die(settings: Settings, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"\nseed {seed}")
    rng = random.Random(seed)
    records = list(lives(seed, 3_000, RATE * SECONDS))
    async with (
        scenario(settings, tmp_path) as running,
        connected(running.settings) as projected,
        written_log(running.settings, projected.mongo) as log,
        OpenLoop(running.settings, CHANGES, _placed(records, running.settings)) as load,
    ):
        running.start("projector")
        await load.send(1, RATE)
        await projected.applied()
        sending = asyncio.create_task(load.send(len(records) - 1, RATE))
        answers, kills = 0, 0
        while not sending.done() or answers < QUESTIONS:
            await ask(projected.mongo, rng)
            answers += 1
            if kills < KILLS and answers > (kills + 1) * QUESTIONS // (KILLS + 1):
                running.running["projector"].kill()
                running.start("projector")
                kills += 1
        await sending
        await projected.applied()

        print(f"{len(records)} events, {answers} answers meanwhile, {kills} kills")
        assert await wrong(projected.mongo, seed + 1, 40) == []
        assert (await log.verify(TENANT)).differences == []
        await projected.rebuild()
        assert await wrong(projected.mongo, seed + 2, 40) == []
        assert (await log.verify(TENANT)).differences == []


def _placed(records: Iterable[Outgoing], settings: Settings) -> Iterator[tuple[int, Outgoing]]:
    return (
        (partition_of(record.key or b"", settings.kafka_partitions), record) for record in records
    )
