"""Reading a range of a partition: one promise, kept by the fake and by the real reader."""

from collections.abc import AsyncIterator
from typing import Protocol

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from domain.errors import LogMismatchError
from domain.topics import RAW
from infra.kafka import Record
from infra.log_reader import LogReader
from infra.settings import Settings
from tests.contracts.log import Log


class Reader(Protocol):
    """The port."""

    async def bounds(self, topic: str, partitions: list[int]) -> dict[int, tuple[int, int]]: ...

    async def read(
        self, topic: str, partition: int, start: int, stop: int, *, limit: int = 500
    ) -> tuple[list[Record], int]: ...


class LogReaderContract:
    """Partition 1 holds a, b, c, a control record, an aborted one, its control record, d."""

    async def test_bounds_are_the_first_offset_and_the_one_after_the_last(
        self, reader: Reader
    ) -> None:
        bounds = await reader.bounds(RAW, [0, 1])

        assert bounds == {0: (0, 0), 1: (0, 8)}

    async def test_a_range_is_read_whole_and_in_order(self, reader: Reader) -> None:
        found, onward = await reader.read(RAW, 1, 0, 3)

        assert [(r.offset, r.value) for r in found] == [(0, b"a"), (1, b"b"), (2, b"c")]
        assert onward == 3

    async def test_control_and_aborted_records_are_passed_over(self, reader: Reader) -> None:
        found, onward = await reader.read(RAW, 1, 2, 8)

        assert [r.value for r in found] == [b"c", b"d"]
        assert onward == 8

    async def test_a_range_without_records_is_passed_whole(self, reader: Reader) -> None:
        assert await reader.read(RAW, 1, 3, 6) == ([], 6)

    async def test_a_limit_says_where_to_go_on(self, reader: Reader) -> None:
        found, onward = await reader.read(RAW, 1, 0, 8, limit=2)
        rest, _ = await reader.read(RAW, 1, onward, 8)

        assert [r.value for r in [*found, *rest]] == [b"a", b"b", b"c", b"d"]
        assert onward == found[-1].offset + 1


class TestInMemoryLog(LogReaderContract):
    """The fake that the stage's tests use."""

    @pytest.fixture
    def reader(self) -> Reader:
        records = [
            Record(1, o, None, v, (), 0) for o, v in {0: b"a", 1: b"b", 2: b"c", 6: b"d"}.items()
        ]
        return Log({0: [], 1: records}, {0: 0, 1: 8})

    async def test_what_retention_took_is_missed(self) -> None:
        log = Log({0: []}, {0: 5}, starts={0: 3})

        with pytest.raises(LogMismatchError):
            await log.read(RAW, 0, 1, 5)


@pytest.mark.services
class TestKafkaLog(LogReaderContract):
    """The real one."""

    @pytest.fixture
    async def reader(self, settings: Settings, topics: None) -> AsyncIterator[Reader]:
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
        reader = LogReader(settings)
        yield reader
        await reader.stop()

    async def test_what_retention_took_is_missed(self, reader: Reader, settings: Settings) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
        await admin.start()
        try:
            place = TopicPartition(settings.topic(RAW), 1)
            await admin.delete_records({place: RecordsToDelete(before_offset=2)})
        finally:
            await admin.close()

        with pytest.raises(LogMismatchError):
            await reader.read(RAW, 1, 0, 8)
        assert (await reader.bounds(RAW, [1]))[1][0] == 2

    async def test_first_records_of_several_ranges_are_found_at_once(
        self, reader: LogReader
    ) -> None:
        (first, *_, last), _ = await reader.read(RAW, 1, 0, 8)

        assert await reader.first_timestamps(RAW, {1: (0, 8)}) == {1: first.timestamp}
        assert await reader.first_timestamps(RAW, {1: (3, 8)}) == {1: last.timestamp}
        assert await reader.first_timestamps(RAW, {1: (3, 6)}) == {}
        assert await reader.first_timestamps(RAW, {}) == {}

    async def test_a_range_that_is_not_in_the_log_hides_no_other(self, reader: LogReader) -> None:
        found = await reader.first_timestamps(RAW, {0: (5, 9), 1: (0, 8), 2: (0, 0)})

        assert found.keys() == {1}
