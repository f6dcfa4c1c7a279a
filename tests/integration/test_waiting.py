"""What only has to wait is no dead letter: every stage on the way of a ticket, without MongoDB."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from dev.ports import LOOPBACK, free_port
from domain.changes import decide
from domain.cloudevents import RawRecord
from domain.events import encode
from domain.records import Observed, Origin, encode_record
from domain.topics import CHANGES, CLASSIFIED, DEAD_LETTERS, RAW
from infra.kafka import Outgoing
from infra.log_reader import LogReader
from infra.mongo import Mongo
from infra.publisher import Publisher
from infra.rules import default_classifier
from infra.settings import Settings
from infra.stage import Stage
from projections import projector
from streams import worker
from streams.classifier import classified
from streams.fold import unknown_ticket
from tests.integration.pipeline import eventually, observed

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]


@asynccontextmanager
async def _way_to(mongod: str, port: int) -> AsyncIterator[None]:
    """Let what connects to `port` reach MongoDB."""
    host, _, there = mongod.partition(":")

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while content := await reader.read(65_536):
            writer.write(content)
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward, back = await asyncio.open_connection(host, int(there))
        await asyncio.gather(carry(reader, back), carry(onward, writer))

    server = await asyncio.start_server(connect, LOOPBACK, port)
    try:
        yield
    finally:
        server.close()


def _values() -> dict[str, bytes]:
    """The same ticket on each topic that it passes."""
    raw = observed("acme")
    record = classified(
        RawRecord(Origin(0, 0, 0), None, raw, (), 1_700_000_000_000), default_classifier()
    )
    assert isinstance(record, Observed)
    event = decide(unknown_ticket(record), record).event
    assert event is not None
    return {RAW: raw, CLASSIFIED: encode_record(record), CHANGES: encode(event)}


@pytest.mark.faults
async def test_without_mongodb_every_stage_waits_and_none_gives_a_record_up(
    settings: Settings, mongo: Mongo
) -> None:
    port = free_port()
    uri = SecretStr(f"mongodb://{LOOPBACK}:{port}/?directConnection=true")
    away = settings.model_copy(update={"mongodb_uri": uri})
    mongod = urlsplit(settings.mongodb_uri.get_secret_value()).netloc
    async with AsyncExitStack() as stack:
        client, publisher, reader = Mongo(away), Publisher(away), LogReader(away)
        stack.push_async_callback(reader.stop)
        stack.push_async_callback(publisher.stop)
        stages = _stages(away, client, publisher, stack)
        records = {}
        for topic, value in _values().items():
            await publisher.publish(topic, {0: [Outgoing(b"acme:T-1", value)]})
            records[topic] = (await reader.read(topic, 0, 0, 1))[0]
        logs: list[Any] = stack.enter_context(capture_logs())
        absorbing = [asyncio.create_task(stages[t].absorb(r)) for t, r in records.items()]

        await eventually(lambda: _delayed(logs), lambda topics: topics == set(records))
        assert not any(task.done() for task in absorbing)
        await stack.enter_async_context(_way_to(mongod, port))
        stack.callback(client.close)
        await asyncio.gather(*absorbing)

        ends = await reader.bounds(DEAD_LETTERS, list(range(settings.kafka_partitions)))
        assert {end for _, end in ends.values()} == {0}
        reached = mongo["checkpoints"].find({"partition": 0, "next_offset": 1})
        assert {d["topic"] for d in await reached.to_list(None)} == set(records)


def _stages(
    settings: Settings, mongo: Mongo, publisher: Publisher, stack: AsyncExitStack
) -> dict[str, Stage]:
    """The stages of a worker and of a projector, by the topic that each follows."""
    return {
        RAW: worker._classifier_stage(settings, mongo, publisher, stack),
        CLASSIFIED: worker._sync_stage(settings, mongo, publisher, stack),
        **dict(projector._stages(settings, mongo, publisher, stack)),
    }


async def _delayed(logs: list[Any]) -> set[str]:
    return {entry["topic"] for entry in logs if entry["event"] == "stage_delayed"}
