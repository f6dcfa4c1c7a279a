"""The sliding-window limit on calls to the helpdesk, shared by all processes through MongoDB."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import ReturnDocument

from infra import collections
from infra.leases import NEVER
from infra.mongo import Document, Mongo

_GUARD_MS: Final = 5  # the server's clock counts whole milliseconds
_JITTER_SECONDS: Final = 0.02
_CALLS_PER_RESERVED: Final = 15  # 4 of 60
_FEWEST_TO_RESERVE: Final = 5


@dataclass
class Slot:
    """Leave for one call; one that no call was made with is given back at once."""

    id: str
    is_used: bool = False


class Limiter:
    """At most `limit` calls in any sliding `period` seconds; a limit of 0 is none.

    A slot is held from its grant until a period after the call's answer; the answer of a caller
    that died is taken to have come after `timeout` seconds.  One slot in fifteen is reserved: it
    goes only to a run that holds fewer slots than are reserved, so that a run of a few pages need
    not wait for one of a hundred.
    """

    def __init__(
        self, mongo: Mongo, name: str, *, limit: int, period: float, timeout: float
    ) -> None:
        self._documents = mongo[collections.LIMITERS]
        self._name = name
        self._limit = limit
        self._reserved = reserved_slots(limit)
        self._period_ms = round(period * 1000) + _GUARD_MS
        self._timeout_ms = round(timeout * 1000)

    async def prepare(self) -> None:
        """Make the shared document; what it holds survives restarts."""
        await self._documents.update_one(
            {"_id": self._name},
            {"$setOnInsert": {"slots": [], "held_until": NEVER}},
            upsert=True,
        )

    @asynccontextmanager
    async def slot(self, run: str) -> AsyncIterator["Slot"]:
        """Hold a slot around one call of a run; say so on the slot when the call begins."""
        slot = Slot(uuid.uuid4().hex)
        if not self._limit:
            await self._wait_for_hold()
            yield slot
            return
        try:
            await self._take(slot.id, run)
            yield slot
        finally:
            # Also where nobody knows whether the slot was granted: its end is harmless then.
            if slot.is_used:
                await self._answered(slot.id)
            else:
                await self._unused(slot.id)

    async def hold(self, seconds: float) -> None:
        """Let no call of any process out for so long."""
        await self.prepare()
        until = {"$add": ["$$NOW", round(seconds * 1000)]}
        await self._documents.update_one(
            {"_id": self._name}, [{"$set": {"held_until": {"$max": ["$held_until", until]}}}]
        )

    async def _wait_for_hold(self) -> None:
        held = {"_id": self._name, "$expr": {"$gt": ["$held_until", "$$NOW"]}}
        left = {"left": {"$subtract": ["$held_until", "$$NOW"]}}
        while True:
            document = await self._documents.find_one(held, left)
            if document is None:
                return
            await asyncio.sleep(document["left"] / 1000)

    async def _take(self, slot_id: str, run: str) -> None:
        while True:
            wait = await self._try(slot_id, run)
            if wait is None:
                return
            await asyncio.sleep(wait + random.random() * _JITTER_SECONDS)  # noqa: S311 (jitter)

    async def _try(self, slot_id: str, run: str) -> float | None:
        """None if the slot was granted, else how many seconds to wait before asking again."""
        live = _filtered({"$gt": ["$$this.until", "$$NOW"]})
        mine = {"$size": _filtered({"$eq": ["$$this.run", run]})}
        most = {"$cond": [{"$lt": [mine, self._reserved]}, self._limit, self._unreserved]}
        free = {"$lt": [{"$size": "$slots"}, most]}
        open_ = {"$lte": ["$held_until", "$$NOW"]}
        slot = {"id": slot_id, "run": run, "until": self._until(self._period_ms + self._timeout_ms)}
        granted = {"$concatArrays": ["$slots", [slot]]}
        document: Document | None = await self._documents.find_one_and_update(
            {"_id": self._name},
            [
                {"$set": {"slots": live, "now": "$$NOW"}},
                {"$set": {"slots": {"$cond": [{"$and": [free, open_]}, granted, "$slots"]}}},
            ],
            return_document=ReturnDocument.AFTER,
        )
        if document is None:
            await self.prepare()
            return 0.0
        return self._wait(document, slot_id, run)

    async def _unused(self, slot_id: str) -> None:
        await self._documents.update_one({"_id": self._name}, {"$pull": {"slots": {"id": slot_id}}})

    async def _answered(self, slot_id: str) -> None:
        until = self._until(self._period_ms)
        ended = {"$mergeObjects": ["$$this", {"until": until}]}
        moved = {"$cond": [{"$eq": ["$$this.id", slot_id]}, ended, "$$this"]}
        await self._documents.update_one(
            {"_id": self._name}, [{"$set": {"slots": {"$map": {"input": "$slots", "in": moved}}}}]
        )

    def _wait(self, document: Document, slot_id: str, run: str) -> float | None:
        slots = document["slots"]
        if any(slot["id"] == slot_id for slot in slots):
            return None
        now: datetime = document["now"]
        moments = [document["held_until"]]
        mine = sum(slot.get("run") == run for slot in slots)
        most = self._limit if mine < self._reserved else self._unreserved
        if len(slots) >= most:
            moments.append(sorted(slot["until"] for slot in slots)[len(slots) - most])
        wait: float = (max(moments) - now) / timedelta(seconds=1)
        return max(wait, 0.0)

    @property
    def _unreserved(self) -> int:
        return self._limit - self._reserved

    @staticmethod
    def _until(milliseconds: int) -> dict[str, Any]:
        return {"$add": ["$$NOW", milliseconds]}


def reserved_slots(limit: int) -> int:
    """How many of `limit` slots are kept for runs that had few calls in the window."""
    return limit // _CALLS_PER_RESERVED or int(limit >= _FEWEST_TO_RESERVE)


def _filtered(condition: dict[str, Any]) -> dict[str, Any]:
    return {"$filter": {"input": "$slots", "cond": condition}}
