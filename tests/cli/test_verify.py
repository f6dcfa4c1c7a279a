"""`deskstream verify`: what an operator sees, and the exit code."""

import json

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from dev.ports import LOOPBACK, free_port
from domain.topics import CHANGES
from infra.mongo import Mongo
from infra.settings import Settings
from tests.cli.commands import Deskstream, is_one_line_error
from tests.projections.written_log import change, written_log

pytestmark = [pytest.mark.services]


async def test_verify_names_ticket_and_field_and_ends_with_1(
    deskstream: Deskstream, settings: Settings, mongo: Mongo, topics: None
) -> None:
    async with written_log(settings, mongo) as log:
        await log.append(change("T-1", 1), change("T-2", 1))
        await log.project()
    clean = deskstream.run("verify")
    await mongo["tickets"].update_one(
        {"_id": "acme:T-1"}, {"$set": {"urgency": "low", "subject": "Cannot log im"}}
    )
    ended = deskstream.run("verify", "--tenant", "acme")
    shown = deskstream.json("verify")

    assert (clean.returncode, clean.stderr) == (0, "")
    assert "2 events folded, 4 documents compared: nothing differs" in clean.stdout
    assert ended.returncode == 1
    assert all(word in ended.stdout for word in ("acme:T-1", "urgency", "'high'", "'low'"))
    assert "Cannot log" not in ended.stdout + json.dumps(shown)
    assert (shown["equal"], shown["differing"]) == (False, 1)
    assert [(d["key"], d["field"]) for d in shown["differences"]] == [
        ("acme:T-1", "subject"),
        ("acme:T-1", "urgency"),
    ]


async def test_what_cannot_be_checked_ends_with_2(
    deskstream: Deskstream, settings: Settings, mongo: Mongo, topics: None
) -> None:
    async with written_log(settings, mongo) as log:
        await log.append(change("T-1", 1), change("T-1", 2))
        await log.project()
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        places = [TopicPartition(settings.topic(CHANGES), p) for p in range(4)]
        await admin.delete_records({p: RecordsToDelete(before_offset=-1) for p in places})
    finally:
        await admin.close()
    cut = deskstream.run("verify")
    nowhere = f"{LOOPBACK}:{free_port()}"
    away = dict(deskstream.environment)
    no_kafka = Deskstream(away | {"KAFKA_BOOTSTRAP_SERVERS": nowhere}).run("verify")
    no_mongodb = Deskstream(away | {"MONGODB_URI": f"mongodb://{nowhere}"}).run("verify")

    assert cut.returncode == 2
    assert "the head of the log was cut: it holds offsets 2 to 2, not from 0 on" in cut.stdout
    assert is_one_line_error(no_kafka, 2)
    assert "no Kafka answers" in no_kafka.stderr
    assert is_one_line_error(no_mongodb, 2)
    assert "MongoDB" in no_mongodb.stderr
