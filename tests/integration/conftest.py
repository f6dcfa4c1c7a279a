"""One pipeline, a worker and a projector as real processes, for all integration tests."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from dev.engines import Engines
from dev.ports import free_port
from infra.collections import ensure_collections
from infra.mongo import Mongo
from infra.settings import Settings
from infra.topic_admin import TopicAdmin
from tests.faults.deployment import deployed
from tests.integration.pipeline import Pipeline


@pytest.fixture(scope="session")
def metrics_ports() -> dict[str, int]:
    """Where each process of the pipeline shows its metrics."""
    return {name: free_port() for name in ("worker", "projector")}


@pytest.fixture(scope="session")
def pipeline_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what worker and projector log."""
    return tmp_path_factory.mktemp("pipeline")


@pytest.fixture(scope="session")
def pipeline_settings(
    engines: Engines, pipeline_logs: Path, metrics_ports: dict[str, int]
) -> Iterator[Settings]:
    """The settings of a deployment whose worker and projector run for the whole session."""
    yield from deployed_pipeline(engines, pipeline_logs, metrics_ports)


def deployed_pipeline(
    engines: Engines, logs: Path, metrics_ports: dict[str, int]
) -> Iterator[Settings]:
    """A worker and a projector, which run until the next is asked for; 0: no page of metrics."""
    name = uuid.uuid4().hex[:12]
    settings = Settings(
        _env_file=None,
        kafka_bootstrap_servers=engines.kafka.bootstrap,
        mongodb_uri=SecretStr(engines.mongod.uri),
        kafka_topic_prefix=f"p{name}.",
        kafka_partitions=4,
        mongodb_database=f"p{name}",
        helpdesk_rate_limit=0,
    )
    asyncio.run(_create(settings))
    with deployed(settings, logs) as deployment:
        for name, port in metrics_ports.items():
            deployment.start(name, METRICS_PORT=str(port))
        yield settings


@pytest.fixture
async def pipeline(pipeline_settings: Settings) -> AsyncIterator[Pipeline]:
    """The running pipeline; each test uses tenants of its own."""
    async with Pipeline(pipeline_settings) as running:
        yield running


async def _create(settings: Settings) -> None:
    mongo = Mongo(settings)
    try:
        await ensure_collections(mongo)
        async with TopicAdmin(settings, mongo) as topics:
            await topics.create()
    finally:
        mongo.close()
