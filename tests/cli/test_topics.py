"""`deskstream topics`, on a real Kafka."""

import pytest

from domain.topics import CHANGES, TOPICS
from infra import collections
from infra.mongo import Mongo
from infra.settings import Settings
from infra.topic_admin import TopicAdmin
from tests.cli.commands import Deskstream

pytestmark = pytest.mark.services


async def test_create_makes_every_topic_once(
    deskstream: Deskstream, settings: Settings, mongo: Mongo
) -> None:
    assert deskstream.json("topics", "create") == {
        "created": [settings.topic(spec.name) for spec in TOPICS]
    }
    assert deskstream.json("topics", "create") == {"created": []}
    assert deskstream.json("topics", "check") == {"ok": True, "findings": []}
    assert deskstream.run("topics", "check").returncode == 0


async def test_check_names_what_is_missing(deskstream: Deskstream, mongo: Mongo) -> None:
    ended = deskstream.run("topics", "check")

    assert ended.returncode == 1
    assert len(ended.stdout.splitlines()) == len(TOPICS)
    assert f"{CHANGES}: is missing" in ended.stdout


async def test_check_names_what_is_not_as_it_was_made(
    deskstream: Deskstream, settings: Settings, mongo: Mongo, topics: None
) -> None:
    name = settings.topic(CHANGES)
    await mongo[collections.TOPIC_RECORDS].update_one({"_id": name}, {"$set": {"partitions": 3}})

    ended = deskstream.run("topics", "check")

    assert ended.returncode == 1
    assert ended.stdout == f"{name}: has 4 partitions, was made with 3\n"


async def test_check_names_a_partition_count_that_was_changed_later(
    settings: Settings, mongo: Mongo, topics: None
) -> None:
    """A worker that counted so would send tickets to other partitions than before."""
    changed = settings.model_copy(update={"kafka_partitions": 5})

    async with TopicAdmin(changed, mongo) as admin:
        findings = await admin.check()

    assert f"{settings.topic(CHANGES)}: has 4 partitions, KAFKA_PARTITIONS=5" in findings
