"""Engines over TLS that know their users, for all tests of a session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.kafka_jars import JARS, install_jars
from dev.secure_engines import SecureEngines
from tests.security.roles import DATABASE


@pytest.fixture(scope="session")
def secure_engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureEngines]:
    """A real Kafka and a real MongoDB; nobody gets in without a name, or in the clear."""
    install_jars(JARS)
    root: Path = tmp_path_factory.mktemp("secure")
    with SecureEngines.fresh(root, DATABASE) as running:
        yield running
