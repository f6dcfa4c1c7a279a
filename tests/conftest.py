"""What every test may ask for: the engines of the session, and a deployment of its own on them."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from pydantic import SecretStr

from dev.engines import Engines
from dev.kafka_jars import JARS, install_jars
from infra.collections import INDEXES, ensure_collections
from infra.mongo import Mongo
from infra.settings import Settings
from infra.topic_admin import TopicAdmin

hypothesis_settings.register_profile("dev", max_examples=50, deadline=None)
hypothesis_settings.register_profile("ci", max_examples=100, deadline=None)
hypothesis_settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """A real Kafka and a real MongoDB on free ports, for the whole session."""
    install_jars(JARS)
    root: Path = tmp_path_factory.mktemp("engines")
    with Engines.local(root) as running:
        yield running


@pytest.fixture(scope="session")
def database() -> str:
    """The one database of all tests that ask for `mongo`: to make one outlasts most tests."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def session_settings(engines: Engines, database: str) -> Settings:
    """The engines, that database, few partitions."""
    return Settings(
        _env_file=None,
        kafka_bootstrap_servers=engines.kafka.bootstrap,
        mongodb_uri=SecretStr(engines.mongod.uri),
        kafka_partitions=4,
        mongodb_database=database,
        helpdesk_rate_limit=0,
    )


@pytest.fixture
def settings(session_settings: Settings) -> Settings:
    """A deployment of this test's own: fresh topic names."""
    prefix = f"t{uuid.uuid4().hex[:12]}."
    return session_settings.model_copy(update={"kafka_topic_prefix": prefix})


@pytest.fixture
async def mongo(settings: Settings) -> AsyncIterator[Mongo]:
    """The database, with its collections and nothing in them, whatever was there before."""
    client = Mongo(settings)
    existing = set(await client.database.list_collection_names())
    await asyncio.gather(
        *(client[name].delete_many({}) for name in existing & INDEXES.keys()),
        *(client[name].drop() for name in existing - INDEXES.keys()),
    )
    await ensure_collections(client)
    yield client
    client.close()


@pytest.fixture
async def topics(settings: Settings, mongo: Mongo) -> None:
    """The test's topics."""
    async with TopicAdmin(settings, mongo) as admin:
        await admin.create()
