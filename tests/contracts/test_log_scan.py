"""Reading a partition from end to end: the same records as `LogReader`, in batches."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from domain.errors import LogMismatchError
from domain.topics import RAW
from infra import log_scan
from infra.log_scan import LogScan
from infra.settings import Settings

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]


@pytest.fixture
async def scan(
    settings: Settings, topics: None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LogScan]:
    """Partition 1 holds a, b, c, a control record, an aborted one, its control record, d."""
    monkeypatch.setattr(log_scan, "_BATCH", 2)
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        transactional_id=settings.kafka_topic_prefix,
    )
    topic = settings.topic(RAW)
    await producer.start()
    async with producer.transaction():
        for value in (b"a", b"b", b"c"):
            await producer.send_and_wait(topic, value, partition=1)
    await producer.begin_transaction()
    await producer.send_and_wait(topic, b"aborted", partition=1)
    await producer.abort_transaction()
    async with producer.transaction():
        await producer.send_and_wait(topic, b"d", partition=1)
    await producer.stop()
    scan = LogScan(settings)
    yield scan
    await scan.stop()


async def values(scan: LogScan, start: int, stop: int, partition: int = 1) -> list[bytes | None]:
    """What a range holds."""
    batches = scan.batches(RAW, partition, start, stop)
    return [record.value async for batch in batches for record in batch]


async def test_ranges_are_read_whole_wherever_they_begin_and_end(scan: LogScan) -> None:
    everything = [b"a", b"b", b"c", None, None, None, b"d", None]

    for start, stop in [(0, 8), (0, 3), (3, 8), (2, 7), (3, 6), (0, 8), (0, 1), (1, 2), (8, 8)]:
        held = [value for value in everything[start:stop] if value is not None]
        assert await values(scan, start, stop) == held
    assert await values(scan, 0, 0, partition=0) == []


async def test_what_retention_took_is_missed(scan: LogScan, settings: Settings) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        place = TopicPartition(settings.topic(RAW), 1)
        await admin.delete_records({place: RecordsToDelete(before_offset=2)})
    finally:
        await admin.close()

    with pytest.raises(LogMismatchError):
        await values(scan, 0, 8)
    assert await values(scan, 2, 8) == [b"c", b"d"]
