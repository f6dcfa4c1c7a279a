"""The command line as operators use it: a process, its output, its exit code."""

import pytest

from dev.ports import LOOPBACK, free_port
from infra.settings import Settings
from tests.cli.commands import Deskstream


@pytest.fixture
def deskstream(settings: Settings) -> Deskstream:
    """`deskstream`, pointed at the test's own deployment."""
    return Deskstream(
        {
            "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
            "KAFKA_TOPIC_PREFIX": settings.kafka_topic_prefix,
            "KAFKA_PARTITIONS": str(settings.kafka_partitions),
            "MONGODB_URI": settings.mongodb_uri.get_secret_value(),
            "MONGODB_DATABASE": settings.mongodb_database,
            "API_HOST": LOOPBACK,
            "API_PORT": str(free_port()),
        }
    )
