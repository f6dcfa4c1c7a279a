"""What the tests of stages share: the command line, the log, and when all is quiet."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from dev.environment import environment_of
from infra.settings import Settings
from tests import oracle
from tests.cli.commands import Deskstream
from tests.faults import verdict
from tests.faults.feed import FeedRecord
from tests.faults.scenario import Scenario

_ANOTHER_TIME = 100  # partitions that stand for a second way through the pipeline


def command_line(settings: Settings) -> Deskstream:
    """`deskstream`, pointed at a deployment under test."""
    return Deskstream(environment_of(settings))


async def deskstream(running: Scenario, *arguments: str) -> Any:
    """What a command answers with `--json`."""
    return await asyncio.to_thread(command_line(running.settings).json, *arguments)


async def send(running: Scenario, records: Iterable[FeedRecord]) -> None:
    """Write records to `tickets.raw` and wait until they are applied."""
    await verdict.send(running.settings, records)
    await quiet(running)


async def quiet(running: Scenario) -> None:
    """Wait until no consumer lags."""
    behind = await verdict.until_still(running.settings, running.mongo, 60.0)
    assert not behind, running.deployment.logs()


async def stop(running: Scenario, *services: str) -> None:
    """End processes as an operator does."""
    for service in services:
        process = running.running[service]
        process.terminate()
        await asyncio.to_thread(process.popen.wait, 20)


async def events(running: Scenario) -> dict[str, verdict.Event]:
    """The change events of the log by `key:version`; no version differs or lacks."""
    found, wrong = verdict.deduplicated(await verdict.read_log(running.settings))
    assert not wrong + verdict.gaps(found)
    return found


def told(*ways: Iterable[FeedRecord]) -> dict[str, oracle.Event]:
    """The naive fold of records that went through the pipeline in these ways, one by one."""
    inputs = []
    for number, way in enumerate(ways):
        offsets: Counter[int] = Counter()
        for record in way:
            place = record.partition + number * _ANOTHER_TIME
            inputs.append(oracle.decoded(place, offsets[place], 0, record.value))
            offsets[place] += 1
    return {
        f"{key}:{event['version']}": event
        for key, log in oracle.naive_log(inputs).items()
        for event in log
    }


async def cut_head(settings: Settings, topic: str, partition: int, offset: int) -> None:
    """Delete the records of a partition before `offset`, as retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        place = TopicPartition(settings.topic(topic), partition)
        await admin.delete_records({place: RecordsToDelete(offset)})
    finally:
        await admin.close()
