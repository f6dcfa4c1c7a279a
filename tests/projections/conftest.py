"""A log, its readers and what is made of it, on the engines of the session."""

from collections.abc import AsyncIterator

import pytest

from infra.log_reader import LogReader
from infra.mongo import Mongo
from infra.publisher import Publisher
from infra.settings import Settings
from tests.projections.projected import Projected


@pytest.fixture
async def projected(settings: Settings, mongo: Mongo, topics: None) -> AsyncIterator[Projected]:
    """A deployment of which nothing runs yet."""
    reader, publisher = LogReader(settings), Publisher(settings)
    yield Projected(settings, mongo, reader, publisher)
    await publisher.stop()
    await reader.stop()
