"""What upstream systems produce to `tickets.raw` with a plain Kafka client."""

import json
import zlib
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from domain.topics import RAW
from tests.integration.pipeline import Pipeline, deleted, eventually, observed, tenant

pytestmark = pytest.mark.services


async def test_a_record_becomes_a_classified_ticket_with_history(pipeline: Pipeline) -> None:
    who = tenant()

    await pipeline.produce(observed(who, message="Production is down, we lose orders!"))

    ticket = await pipeline.ticket(who, "T-1")
    assert (ticket["urgency"], ticket["requires_action"], ticket["version"]) == ("high", True, 1)
    assert ticket["classification"]["matched"]
    assert [h["action"] for h in await pipeline.history(who, "T-1")] == ["created"]


async def test_a_record_sent_three_times_is_there_once(pipeline: Pipeline) -> None:
    who = tenant()
    value = observed(who, event_id="same")

    await pipeline.produce(value, key=f"{who}:T-1".encode())
    await pipeline.produce(value, key=None)
    await pipeline.produce(value, partition=zlib.crc32(b"T-1") % 4)
    await pipeline.produce(observed(who, "T-2"), key=f"{who}:T-2".encode())

    await pipeline.ticket(who, "T-2")
    assert await pipeline.mongo["tickets"].count_documents({"tenant_id": who}) == 2
    assert len(await pipeline.history(who, "T-1")) == 1


@pytest.mark.parametrize("partition", range(4))
async def test_the_partition_of_a_record_does_not_matter(
    pipeline: Pipeline, partition: int
) -> None:
    who = tenant()

    await pipeline.produce(observed(who), partition=partition)

    assert (await pipeline.ticket(who, "T-1"))["tenant_id"] == who


async def test_binary_mode_is_understood(pipeline: Pipeline) -> None:
    who = tenant()
    data = json.dumps(json.loads(observed(who))["data"]).encode()
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_type", b"ticket.observed"),
        ("ce_source", b"crm"),
        ("ce_id", b"binary-1"),
        ("content-type", b"application/json"),
    ]

    await pipeline.produce(data, headers=headers)

    assert (await pipeline.ticket(who, "T-1"))["subject"] == "Cannot log in"


async def test_bad_records_are_dead_letters_and_stop_nothing(pipeline: Pipeline) -> None:
    who = tenant()
    bad = {
        "invalid JSON": b"{" + who.encode(),
        "type:": observed(who).replace(b"ticket.observed", b"ticket.invented"),
        "id:": observed(who, id=None),
        "created_at:": observed(who, created_at="yesterday"),
        "record:": observed(who, message="x" * 300_000),
        "key:": observed(who, "T-3"),
        "message: holds a NUL": observed(who, message="a\x00b"),
    }

    for reason, value in bad.items():
        await pipeline.produce(value, key=b"another:T-3" if reason == "key:" else None, partition=1)
    await pipeline.produce(observed(who), partition=1)

    await pipeline.ticket(who, "T-1")
    letters = await pipeline.dead_letters()
    for reason, value in bad.items():
        mine = [x for x in letters if x["value"] == value]
        assert [x["reason"].startswith(reason) for x in mine] == [True], reason
        assert mine[0]["length"] == str(len(value))
    assert await pipeline.mongo["tickets"].count_documents({"tenant_id": who}) == 1


async def test_no_text_of_a_ticket_is_logged(pipeline: Pipeline, pipeline_logs: Path) -> None:
    """Neither of those that are taken nor of those that are refused."""
    who, secret = tenant(), "sesame-seeds"
    texts = {"subject": secret, "message": f"{secret} Production is down!", "customer_id": secret}

    await pipeline.produce(observed(who, "T-2", created_at=secret, **texts), partition=1)
    await pipeline.produce(observed(who, "T-3", message=f"{secret}\x00"), partition=1)
    await pipeline.produce(f"{{{secret}".encode(), partition=1)
    await pipeline.produce(observed(who, **texts), partition=1)

    await pipeline.ticket(who, "T-1")
    assert_not_logged(pipeline_logs, secret)


def assert_not_logged(folder: Path, secret: str) -> None:
    logs = [path.read_text() for path in folder.rglob("*") if path.is_file()]
    assert "worker_started" in "".join(logs)
    assert not [text for text in logs if secret in text]


async def test_a_tombstone_is_a_dead_letter(pipeline: Pipeline) -> None:
    who = tenant()
    producer = AIOKafkaProducer(bootstrap_servers=pipeline.settings.kafka_bootstrap_servers)
    await producer.start()
    try:
        await producer.send_and_wait(
            pipeline.settings.topic(RAW), None, key=f"{who}:T-9".encode(), partition=2
        )
    finally:
        await producer.stop()
    await pipeline.produce(observed(who), partition=2)

    await pipeline.ticket(who, "T-1")
    reasons = [x["reason"] for x in await pipeline.dead_letters() if x["value"] == b""]
    assert reasons
    assert all(reason.startswith("invalid JSON") for reason in reasons)


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_every_compression_of_kafka_is_read(pipeline: Pipeline, compression: str) -> None:
    who = tenant()
    producer = AIOKafkaProducer(
        bootstrap_servers=pipeline.settings.kafka_bootstrap_servers, compression_type=compression
    )
    await producer.start()
    try:
        await producer.send_and_wait(pipeline.settings.topic(RAW), observed(who))
    finally:
        await producer.stop()

    assert (await pipeline.ticket(who, "T-1"))["version"] == 1


async def test_an_aborted_transaction_leaves_nothing(pipeline: Pipeline) -> None:
    who = tenant()
    producer = AIOKafkaProducer(
        bootstrap_servers=pipeline.settings.kafka_bootstrap_servers, transactional_id=who
    )
    topic = pipeline.settings.topic(RAW)
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, observed(who, "ABORTED"), partition=3)
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(topic, observed(who, "COMMITTED"), partition=3)
    finally:
        await producer.stop()
    await pipeline.produce(observed(who, "AFTER"), partition=3)

    await pipeline.ticket(who, "AFTER")
    found = await pipeline.mongo["tickets"].distinct("external_id", {"tenant_id": who})
    assert found == ["AFTER", "COMMITTED"]


async def test_deletion_and_return_are_history(pipeline: Pipeline) -> None:
    who = tenant()

    await pipeline.produce(observed(who, time="2026-11-20T10:00:00Z"), partition=0)
    await pipeline.produce(deleted(who, time="2026-11-21T10:00:00Z"), partition=0)
    await pipeline.produce(observed(who, time="2026-11-22T10:00:00Z"), partition=0)

    history = await eventually(lambda: pipeline.history(who, "T-1"), lambda h: len(h) == 3)
    assert [h["action"] for h in history] == ["created", "deleted", "restored"]
    assert (await pipeline.ticket(who, "T-1"))["deleted_at"] is None


async def test_an_older_version_after_a_newer_one_is_ignored(pipeline: Pipeline) -> None:
    who = tenant()

    await pipeline.produce(
        observed(who, subject="new", updated_at="2026-11-21T00:00:00-05:00"), partition=0
    )
    await pipeline.produce(
        observed(who, subject="old", updated_at="2026-11-21T05:59:59+02:00"), partition=0
    )
    await pipeline.produce(observed(who, "T-2"), partition=0)

    await pipeline.ticket(who, "T-2")
    assert (await pipeline.ticket(who, "T-1"))["subject"] == "new"
    assert len(await pipeline.history(who, "T-1")) == 1
