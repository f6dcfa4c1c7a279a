"""Kafka: records as the stages see them, and how clients of ours are made."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import ConsumerRecord

from infra.header_names import read_any_name
from infra.kafka_security import client_security, explained
from infra.settings import Settings

log = structlog.get_logger()

Headers: TypeAlias = Sequence[tuple[str, bytes]]

SESSION_TIMEOUT_MS: Final = 6_000  # the shortest that brokers allow unless told otherwise
HEARTBEAT_MS: Final = 2_000
REBALANCE_TIMEOUT_MS: Final = 10_000  # Faust empties its buffers before it joins
REQUEST_TIMEOUT_MS: Final = 15_000
# A consumer has one request on its way to a broker, for the partitions that it had read empty just
# then, perhaps a single one.  While that waits for records, nothing of the others is fetched.
FETCH_WAIT_MS: Final = 50
# A broker that has just started may know no topics yet.  A leader who learns that shares nothing
# out, and without errors nobody asks again before this is over; by default, 5 minutes.
METADATA_AGE_MS: Final = 5_000
_STOP_SECONDS: Final = 4.0
_CANCEL_SECONDS: Final = 0.5
LARGEST_REQUEST: Final = 4 * 1024 * 1024 + 64 * 1024
_BATCH_BYTES: Final = 768 * 1024
_FETCH_BYTES: Final = (
    1024 * 1024
)  # of a partition at once; a batch that is larger comes alone (KIP-74)


class Record(NamedTuple):
    """One record read from a partition; `timestamp` in milliseconds."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int


class Outgoing(NamedTuple):
    """One record to be written; no `timestamp` means the moment of sending."""

    key: bytes | None
    value: bytes
    headers: Headers = ()
    timestamp: int | None = None


def from_consumer(record: "ConsumerRecord[Any, Any]") -> Record:
    """A record of a plain aiokafka consumer."""
    return Record(
        record.partition, record.offset, record.key, record.value, record.headers, record.timestamp
    )


def contiguous(records: Sequence[Record]) -> Sequence[Record]:
    """The run of records before the first gap; what lies in a gap must be looked up first."""
    for index, record in enumerate(records):
        if record.offset != records[0].offset + index:
            return records[:index]
    return records


def idempotent_producer(settings: Settings) -> AIOKafkaProducer:
    """A producer whose retries neither lose, double nor reorder (KIP-98)."""
    return AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        **client_security(settings),
        enable_idempotence=True,
        acks="all",
        max_batch_size=_BATCH_BYTES,
        max_request_size=LARGEST_REQUEST,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )


def plain_consumer(settings: Settings, partition_bytes: int = LARGEST_REQUEST) -> AIOKafkaConsumer:
    """A consumer without a group: it reads what it is told to, committed records only.

    It asks for at most `partition_bytes` of each partition at once, or for one batch if that is
    larger.
    """
    read_any_name()
    return AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        **client_security(settings),
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        max_partition_fetch_bytes=partition_bytes,
        fetch_max_wait_ms=FETCH_WAIT_MS,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )


async def started_plain_consumer(
    settings: Settings, partition_bytes: int = LARGEST_REQUEST
) -> AIOKafkaConsumer:
    """The same, connected; one that cannot connect is closed.

    Raises:
        KafkaRefusedError: no broker lets us in.
    """
    consumer = plain_consumer(settings, partition_bytes)
    try:
        async with explained(settings.kafka_bootstrap_servers, settings):
            await consumer.start()
    except BaseException:
        await stop_consumer(consumer)
        raise
    return consumer


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Close a consumer; one that does not end by itself is left behind.

    With no broker there, closing may wait for a heartbeat that never succeeds, for ever
    (aiokafka issues 659 and 773).  Its session runs out by itself.
    """
    stopping = asyncio.ensure_future(consumer.stop())
    await asyncio.wait({stopping}, timeout=_STOP_SECONDS)
    if not stopping.done():
        log.warning("consumer_abandoned", seconds=_STOP_SECONDS)
        stopping.cancel()
        await asyncio.wait({stopping}, timeout=_CANCEL_SECONDS)
    elif not stopping.cancelled() and (error := stopping.exception()) is not None:
        raise error


def group_consumer(settings: Settings, group: str) -> AIOKafkaConsumer:
    """A consumer of a group that seeks by checkpoints; committed offsets only show its lag."""
    read_any_name()
    return AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        **client_security(settings),
        group_id=settings.topic(group),
        enable_auto_commit=False,
        auto_offset_reset="earliest",  # until the seek; what is known is skipped, a gap looked up
        isolation_level="read_committed",
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_wait_ms=FETCH_WAIT_MS,
        metadata_max_age_ms=METADATA_AGE_MS,
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=HEARTBEAT_MS,
        rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )
