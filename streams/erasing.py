"""Erasing tickets: requests that the sync agent folds in, and waiting until they are applied.

Whoever dies on the way runs it again: a ticket that is erased has nothing left to take.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from domain.erasure import erasure
from domain.identity import partition_of
from infra import collections, crash_points
from infra.erasure_places import ErasurePlaces
from infra.mongo import Document, Mongo
from infra.read_models import TICKETS, active_generation
from streams.reentry import Takes

_PAGE: Final = 500
_PAUSE_SECONDS: Final = 0.1


class Request(NamedTuple):
    """What is asked: `id` names it in the events, `lifted` asks for the end of an erasure."""

    id: str
    time: datetime
    lifted: bool = False


class Taken(Takes, Protocol):
    """Where requests go, and when all of them were folded in."""

    async def taken(self) -> None:
        """Return when the sync agent has all that was sent."""


class Erasing:
    """Sends one request about many tickets."""

    def __init__(self, mongo: Mongo, to: Taken, request: Request, partitions: int) -> None:
        self._mongo = mongo
        self._to = to
        self._request = request
        self._partitions = partitions
        self._places = ErasurePlaces(mongo)

    async def perform(self, keys: Iterable[str], progress: Callable[[int], None]) -> None:
        """Return when nothing of what these tickets held can be read in tickets and history."""
        wanted = sorted(keys)
        pages = [wanted[first : first + _PAGE] for first in range(0, len(wanted), _PAGE)]
        for page in pages:
            await self._send(page)
            crash_points.reached("erasures_sent")
        await self._to.taken()
        crash_points.reached("erasures_taken")
        for page in pages:
            while await self._behind(page):  # noqa: ASYNC110 (another process)
                await asyncio.sleep(_PAUSE_SECONDS)
            progress(len(page))
        crash_points.reached("erasures_applied")
        await self._empty_outbox(set(wanted))

    async def _send(self, keys: Sequence[str]) -> None:
        id_, time, lifted = self._request
        places = [key.partition(":")[::2] for key in keys]
        await self._to.take([erasure(place, id_, time, lifted=lifted) for place in places])

    async def _behind(self, keys: Sequence[str]) -> list[str]:
        """Those of the tickets that readers do not see yet as the sync agent left them."""
        wanted = {"_id": {"$in": list(keys)}}
        states = self._mongo[collections.TICKET_STATE].find(wanted, {"version": 1})
        written = {d["_id"]: d["version"] async for d in states if d["version"]}
        names = (await active_generation(self._mongo, TICKETS)).names
        shown = {"version": 1, "erased_at": 1}
        tickets = self._mongo[names[collections.TICKETS]].find(wanted, shown)
        seen = {d["_id"]: d async for d in tickets}
        behind = [k for k, version in written.items() if _version(seen.get(k)) < version]
        if not behind:
            return []
        # Parked ones stay behind; what there is of them is blanked all the same.
        wanted = {"key": {"$in": behind}}
        parked = {*await self._mongo[collections.PARKED].distinct("key", wanted)}
        return [k for k in behind if k not in parked or not self._is_done(seen.get(k))]

    def _is_done(self, document: Document | None) -> bool:
        is_erased = document is None or document.get("erased_at") is not None
        return is_erased or self._request.lifted

    async def _empty_outbox(self, keys: set[str]) -> None:
        """What was written last on a partition is forgotten by the batch after it."""
        while rows := await self._places.outbox_partitions(keys):
            once = {partition_of(key.encode(), self._partitions): key for key in keys}
            await self._send([key for place, key in once.items() if place in rows])
            await self._to.taken()


def _version(document: Document | None) -> int:
    return 0 if document is None else int(document["version"])
