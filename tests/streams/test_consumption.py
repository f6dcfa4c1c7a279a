"""A worker whose Kafka goes away in mid-start consumes when it is back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from dev.ports import LOOPBACK, free_port
from domain.topics import CLASSIFIED, RAW
from infra.kafka import Outgoing, Record
from infra.publisher import Publisher
from infra.settings import Settings
from infra.stage import Stage
from streams.consumption import consume

pytestmark = pytest.mark.services


class _Receiver(Stage):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.values: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def absorb(self, records: Sequence[Record]) -> None:
        for record in records:
            self.values.put_nowait(record.value)

    async def tend(self, assigned: set[int]) -> None:
        """Nothing to look after."""


@pytest.mark.timeout(60)
async def test_kafka_may_be_away_when_the_consumer_starts(settings: Settings, topics: None) -> None:
    gate = free_port()
    behind_gate = settings.model_copy(update={"kafka_bootstrap_servers": f"{LOOPBACK}:{gate}"})
    raw, classified, started = _Receiver(), _Receiver(), asyncio.Event()
    publisher = Publisher(settings)
    consuming = asyncio.create_task(
        consume(behind_gate, {RAW: raw, CLASSIFIED: classified}, lambda: None, started.set)
    )
    try:
        await asyncio.sleep(1.0)  # a first attempt is made, and fails
        assert not consuming.done()
        assert not started.is_set()
        async with _forwarded(gate, settings.kafka_bootstrap_servers):
            await started.wait()
            await publisher.publish(RAW, {0: [Outgoing(None, b"first")]})
            assert await raw.values.get() == b"first"
        assert classified.values.empty()
    finally:
        consuming.cancel()
        await asyncio.gather(consuming, return_exceptions=True)
        await publisher.stop()


@asynccontextmanager
async def _forwarded(port: int, address: str) -> AsyncIterator[None]:
    """Connections to `port` lead to `address` inside the block."""
    host, _, number = address.partition(":")

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward_reader, onward_writer = await asyncio.open_connection(host, int(number))
        await asyncio.gather(_pump(reader, onward_writer), _pump(onward_reader, writer))

    async with await asyncio.start_server(forward, LOOPBACK, port):
        yield


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    finally:
        writer.close()
