"""The access lists let each role do its work, and nothing else."""

import re
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from dev.access_lists import ROLES, commands
from dev.secure_engines import SecureEngines
from domain.topics import CHANGES, CLASSIFIED, COMMANDS, DEAD_LETTERS, RAW, RUN_EVENTS, TOPICS
from infra.kafka_security import client_security
from infra.mongo import Mongo
from infra.topic_admin import TopicAdmin
from tests.security.roles import settings_of

GUIDE = Path(__file__).parents[2] / "docs" / "operations" / "security.md"
# Section 6 of the contract: who writes which topic.
WRITERS = {
    COMMANDS: {"api"},
    RUN_EVENTS: {"worker"},
    RAW: {"worker", "operator", "upstream"},
    CLASSIFIED: {"worker", "operator"},
    CHANGES: {"worker"},
    DEAD_LETTERS: {"worker", "projector", "operator"},
}


@pytest.fixture
async def secure_topics(secure_engines: SecureEngines) -> None:
    settings = settings_of(secure_engines, "operator")
    mongo = Mongo(settings)
    try:
        async with TopicAdmin(settings, mongo) as topics:
            await topics.create()
    finally:
        mongo.close()


@pytest.mark.services
@pytest.mark.usefixtures("secure_topics")
@pytest.mark.parametrize("role", ROLES)
async def test_who_may_write_what(secure_engines: SecureEngines, role: str) -> None:
    settings = settings_of(secure_engines, role)
    may = set()
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers, **client_security(settings)
    )
    await producer.start()
    try:
        for topic in (spec.name for spec in TOPICS):
            try:
                await producer.send_and_wait(topic, b"{}", partition=0)
            except KafkaError:  # some may not even see that there is such a topic
                continue
            may.add(topic)
    finally:
        await producer.stop()

    assert may == {topic for topic, roles in WRITERS.items() if role in roles}


def test_the_guide_shows_every_list() -> None:
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|([^|]*)\|", GUIDE.read_text(), re.MULTILINE)
    shown = {
        role: tuple(set(re.findall(r"`([a-z.-]+)`", cell)) for cell in cells)
        for role, *cells in rows
    }
    listed = {
        role: tuple(
            {g.name for g in grants if (g.operation, g.resource) == (operation, "topic")}
            for operation in ("Read", "Write")
        )
        for role, grants in ROLES.items()
    }

    assert shown == listed


def test_every_list_is_a_command_of_kafkas_own() -> None:
    lines = list(commands("kafka:9092", "admin.properties", "eu."))

    assert len(lines) == sum(len({(g.resource, g.name) for g in r}) for r in ROLES.values())
    assert (
        "kafka-acls.sh --bootstrap-server kafka:9092 --command-config admin.properties --add"
        " --allow-principal User:upstream --operation Write --topic eu.tickets.raw" in lines
    )
