"""Stages that are run once more: a deployment of real processes, and the command line on it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.settings import Settings
from tests.faults.scenario import Scenario, scenario


@pytest.fixture
async def running(settings: Settings, tmp_path: Path) -> AsyncIterator[Scenario]:
    """A deployment with a worker and a projector."""
    async with scenario(settings, tmp_path) as deployment:
        deployment.start("worker", "projector")
        yield deployment
