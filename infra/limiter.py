"""The sliding-window limit on calls to the helpdesk, shared by all processes through MongoDB."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import ReturnDocument

from infra import collections
from infra.leases import NEVER
from infra.mongo import Document, Mongo

_GUARD_MS: Final = 5  # the server's clock counts whole milliseconds
_JITTER_SECONDS: Final = 0.02


class Limiter:
    """At most `limit` calls in any sliding `period` seconds; a limit of 0 is none.

    A slot is held from its grant until a period after the call's answer; the answer of a caller
    that died is taken to have come after `timeout` seconds.
    """

    def __init__(
        self, mongo: Mongo, name: str, *, limit: int, period: float, timeout: float
    ) -> None:
        self._documents = mongo[collections.LIMITERS]
        self._name = name
        self._limit = limit
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
    async def slot(self) -> AsyncIterator[None]:
        """Hold a slot around one call."""
        if not self._limit:
            yield
            return
        slot_id = uuid.uuid4().hex
        while True:
            wait = await self._try(slot_id)
            if wait is None:
                break
            await asyncio.sleep(wait + random.random() * _JITTER_SECONDS)  # noqa: S311 (jitter)
        try:
            yield
        finally:
            await self._answered(slot_id)

    async def hold(self, seconds: float) -> None:
        """Let no call of any process out for so long."""
        until = {"$add": ["$$NOW", round(seconds * 1000)]}
        await self._documents.update_one(
            {"_id": self._name}, [{"$set": {"held_until": {"$max": ["$held_until", until]}}}]
        )

    async def _try(self, slot_id: str) -> float | None:
        """None if the slot was granted, else how many seconds to wait before asking again."""
        live = {"$filter": {"input": "$slots", "cond": {"$gt": ["$$this.until", "$$NOW"]}}}
        free = {"$lt": [{"$size": "$slots"}, self._limit]}
        open_ = {"$lte": ["$held_until", "$$NOW"]}
        slot = {"id": slot_id, "until": self._until(self._period_ms + self._timeout_ms)}
        document: Document | None = await self._documents.find_one_and_update(
            {"_id": self._name},
            [
                {"$set": {"slots": live, "now": "$$NOW"}},
                {
                    "$set": {
                        "slots": {
                            "$cond": [
                                {"$and": [free, open_]},
                                {"$concatArrays": ["$slots", [slot]]},
                                "$slots",
                            ]
                        }
                    }
                },
            ],
            return_document=ReturnDocument.AFTER,
        )
        if document is None:
            await self.prepare()
            return 0.0
        return _wait(document, slot_id, self._limit)

    async def _answered(self, slot_id: str) -> None:
        until = self._until(self._period_ms)
        moved = {"$cond": [{"$eq": ["$$this.id", slot_id]}, until, "$$this.until"]}
        await self._documents.update_one(
            {"_id": self._name},
            [
                {
                    "$set": {
                        "slots": {
                            "$map": {
                                "input": "$slots",
                                "in": {"id": "$$this.id", "until": moved},
                            }
                        }
                    }
                }
            ],
        )

    @staticmethod
    def _until(milliseconds: int) -> dict[str, Any]:
        return {"$add": ["$$NOW", milliseconds]}


def _wait(document: Document, slot_id: str, limit: int) -> float | None:
    slots = document["slots"]
    if any(slot["id"] == slot_id for slot in slots):
        return None
    now: datetime = document["now"]
    moments = [document["held_until"]]
    if len(slots) >= limit:
        moments.append(sorted(slot["until"] for slot in slots)[-limit])
    wait: float = (max(moments) - now) / timedelta(seconds=1)
    return max(wait, 0.0)
