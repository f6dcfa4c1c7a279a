"""Malformed records on every topic: each is one dead letter, and good ones pass as if alone."""

import struct
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

from dev.engines import Engines
from dev.malformed_load import TOPICS, MalformedLoad
from domain.topics import CHANGES, CLASSIFIED, COMMANDS, DEAD_LETTERS, RAW
from infra import collections
from infra.probes import halted_partitions
from infra.settings import Settings
from tests.integration.conftest import deployed_pipeline
from tests.integration.pipeline import Pipeline, observed, tenant

pytestmark = pytest.mark.services

COUNT = 500
SEED = 20261130
PATIENCE = 60.0
CHECKSUM = 17  # where it stands in a batch; it is over all that follows


@pytest.fixture(scope="module")
def pipeline_settings(
    engines: Engines, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """A deployment of this module's own: what is written here stays on its log."""
    logs = tmp_path_factory.mktemp("malformed")
    yield from deployed_pipeline(engines, logs, {"worker": 0, "projector": 0})


async def test_malformed_records_on_all_topics_are_one_dead_letter_each(
    pipeline: Pipeline,
) -> None:
    before = await pipeline.mongo[collections.DEAD_LETTERS].count_documents({})
    async with MalformedLoad(pipeline.settings, tenant(), SEED) as load:
        await load.send(COUNT)
        await load.until_all_came(pipeline.mongo, PATIENCE)

    assert len(load.letters) == len(load.tickets) == COUNT
    assert {kind.partition(":")[0] for kind in load.kinds} == set(TOPICS)
    assert await load.surplus(pipeline.mongo, before) == 0
    assert await halted_partitions(pipeline.mongo) == []


@pytest.mark.parametrize("topic", [RAW, CLASSIFIED, CHANGES, COMMANDS, DEAD_LETTERS])
async def test_a_header_whose_name_is_no_text_stops_nobody(pipeline: Pipeline, topic: str) -> None:
    who = tenant()
    for partition in range(pipeline.settings.kafka_partitions):
        await _write_with_odd_name(pipeline, topic, partition, observed(who, f"O-{partition}"))
        await pipeline.produce(observed(who, f"T-{partition}"), partition=partition)

    for partition in range(pipeline.settings.kafka_partitions):
        await pipeline.ticket(who, f"T-{partition}")
        if topic == RAW:
            await pipeline.ticket(who, f"O-{partition}")


async def _write_with_odd_name(
    pipeline: Pipeline, topic: str, partition: int, value: bytes
) -> None:
    """What librdkafka's clients can write, and aiokafka's own cannot."""
    producer = AIOKafkaProducer(bootstrap_servers=pipeline.settings.kafka_bootstrap_servers)
    await producer.start()
    try:
        batch = producer.create_batch()
        batch.append(key=None, value=value, timestamp=None, headers=[("ZZZZ", b"content")])
        data = batch._build().replace(b"ZZZZ", b"\xff\xfe\xc3\x28")
        checksum = struct.pack(">I", calc_crc32c(data[CHECKSUM + 4 :]))
        batch._buffer = data[:CHECKSUM] + checksum + data[CHECKSUM + 4 :]
        await (
            await producer.send_batch(batch, pipeline.settings.topic(topic), partition=partition)
        )
    finally:
        await producer.stop()
