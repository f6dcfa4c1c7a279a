"""The sample receiver of a session, and a deployment whose alerts go there."""

from collections.abc import AsyncIterator, Iterator

import pytest

from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from infra.mongo import Mongo
from infra.settings import Settings
from tests.notifications.notified import Notified, notified


@pytest.fixture(scope="package")
def receiver() -> Iterator[HelpdeskServer]:
    with HelpdeskServer(HelpdeskSettings(tickets=5, limit=0)) as server:
        yield server


@pytest.fixture
async def desk(
    settings: Settings, mongo: Mongo, topics: None, receiver: HelpdeskServer
) -> AsyncIterator[Notified]:
    """Nothing fails unless the test has it so."""
    receiver.set_notify_failures(0)
    async with notified(settings, mongo, receiver) as desk:
        yield desk
