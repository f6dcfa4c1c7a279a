"""Pages of a crawl on their way to Kafka, one after the other, while the crawl goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from domain.errors import HelpdeskError
from infra import crash_points
from infra.run_outbox import RunOutbox, page
from infra.stored_pages import StoredPage


class Outflow:
    """Publishes pages that are stored, each after that before."""

    def __init__(self, outbox: RunOutbox, crawl_id: str) -> None:
        self._outbox = outbox
        self._crawl_id = crawl_id
        self._last: asyncio.Task[list[str]] | None = None

    @classmethod
    @asynccontextmanager
    async def open(cls, outbox: RunOutbox, crawl_id: str) -> AsyncIterator[Self]:
        """An outflow that has ended when the block has.

        Where the helpdesk fails, what is stored goes out first: nothing of it may follow the end
        of the run.  Whoever loses the run publishes no more.
        """
        outflow = cls(outbox, crawl_id)
        try:
            yield outflow
        except HelpdeskError:
            await outflow.ended()
            raise
        finally:
            await outflow._stop()

    async def begin(self, stored: StoredPage) -> list[str]:
        """Begin to publish a page, once that before is out.

        Returns the outbox documents of that before: they are acknowledged.
        """
        before = await self.ended()
        self._last = asyncio.create_task(self._publish(stored))
        return before

    async def ended(self) -> list[str]:
        """Wait until the last page is out; return its outbox documents."""
        return [] if self._last is None else await self._last

    async def _publish(self, stored: StoredPage) -> list[str]:
        documents = page(self._crawl_id, stored.sequence, stored.rows)
        for document in documents:
            await self._outbox.publish(document)
        if documents:
            crash_points.reached("page_published")
        return [str(document["_id"]) for document in documents]

    async def _stop(self) -> None:
        if self._last is not None:
            self._last.cancel()
            await asyncio.gather(self._last, return_exceptions=True)
