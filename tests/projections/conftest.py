"""A log, its readers and what is made of it, on the engines of the session."""

from collections.abc import AsyncIterator

import pytest

from infra.settings import Settings
from tests.projections.projected import Projected, connected


@pytest.fixture
async def projected(settings: Settings, topics: None) -> AsyncIterator[Projected]:
    """A deployment of which nothing runs yet."""
    async with connected(settings) as made:
        yield made
