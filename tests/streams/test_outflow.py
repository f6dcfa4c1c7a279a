"""Pages of a crawl go out in their order, and all of them before a failed run ends."""

import itertools
from collections.abc import AsyncIterator

import pytest

from domain.errors import HelpdeskError
from domain.sweeps import Position
from domain.topics import RAW
from infra.log_reader import LogReader
from infra.mongo import Mongo
from infra.publisher import Publisher
from infra.run_outbox import RawRow, RunOutbox
from infra.settings import Settings
from infra.stored_pages import StoredPage
from streams.outflow import Outflow

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

PAGES = 12
ROWS = 100


def stored(number: int) -> StoredPage:
    """Page `number` (0, 1...): the first are much larger than those after them."""
    filling = b"x" * (20_000 if number % 3 == 0 else 10)
    rows = [RawRow(0, None, b"%d:%s" % (ROWS * number + row, filling)) for row in range(ROWS)]
    return StoredPage(ROWS * (number + 1), number, rows, {}, Position(number + 1), PAGES)


@pytest.fixture
async def outbox(settings: Settings, mongo: Mongo) -> AsyncIterator[RunOutbox]:
    publisher = Publisher(settings)
    yield RunOutbox(mongo, publisher)
    await publisher.stop()


async def numbers(settings: Settings) -> list[int]:
    """The rows on the topic, in order."""
    reader = LogReader(settings)
    try:
        (start, stop) = (await reader.bounds(RAW, [0]))[0]
        found: list[int] = []
        while start < stop:
            records, start = await reader.read(RAW, 0, start, stop, limit=500)
            found += [int((record.value or b"").partition(b":")[0]) for record in records]
        return found
    finally:
        await reader.stop()


async def test_pages_go_out_in_order_and_tell_what_is_acknowledged(
    settings: Settings, outbox: RunOutbox
) -> None:
    async with Outflow.open(outbox, "run-1") as outflow:
        told = [await outflow.begin(stored(number)) for number in range(PAGES)]
        told.append(await outflow.ended())

    acknowledged = list(itertools.chain.from_iterable(told))
    assert told[0] == []
    assert acknowledged == [f"run-1:{ROWS * (number + 1)}:000" for number in range(PAGES)]
    assert await numbers(settings) == list(range(PAGES * ROWS))


async def failing_run(outbox: RunOutbox) -> None:
    """Three pages are stored and the fourth never comes."""
    async with Outflow.open(outbox, "run-1") as outflow:
        for number in range(3):
            await outflow.begin(stored(number))
        raise HelpdeskError("answered 500", retryable=True)


async def test_a_helpdesk_that_fails_ends_the_run_behind_what_is_stored(
    settings: Settings, outbox: RunOutbox
) -> None:
    with pytest.raises(HelpdeskError):
        await failing_run(outbox)

    assert await numbers(settings) == list(range(3 * ROWS))
