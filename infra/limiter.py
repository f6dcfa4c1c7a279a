"""The sliding-window limit on calls to the helpdesk, shared by all processes through MongoDB."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from pymongo import ReturnDocument
from pymongo.errors import PyMongoError

from infra import collections
from infra.leases import NEVER
from infra.mongo import Document, Mongo

log = structlog.get_logger()

_GUARD_MS: Final = 5  # the server's clock counts whole milliseconds
_JITTER_SECONDS: Final = 0.02
_LATE_MS: Final = 2_000  # who asks again later than this has lost its place
_SETTLE_SECONDS: Final = 2.0
_CALLS_PER_RESERVED: Final = 15  # 4 of 60
_FEWEST_TO_RESERVE: Final = 5


@dataclass
class Slot:
    """Leave for one call; one that no call was made with is given back at once."""

    id: str
    is_used: bool = False


class Limiter:
    """At most `limit` calls in any sliding `period` seconds; a limit of 0 is none.

    A slot is held until a period after its call's answer; that of a caller that died is taken to
    have come after `timeout` seconds.  One slot in fifteen goes only to runs that hold fewer than
    are reserved so: a run of a few pages need not wait for one of a hundred.  Of those who wait,
    who holds the fewest slots goes first, then who came first: nobody is passed over for long.
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
        fresh = {"$setOnInsert": {"slots": [], "waiting": [], "held_until": NEVER}}
        await self._documents.update_one({"_id": self._name}, fresh, upsert=True)

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
            await self._end(slot)

    async def hold(self, seconds: float) -> None:
        """Let no call of any process out for so long."""
        await self.prepare()
        longest = {"$max": ["$held_until", _later("$$NOW", round(seconds * 1000))]}
        await self._documents.update_one({"_id": self._name}, [{"$set": {"held_until": longest}}])

    async def _wait_for_hold(self) -> None:
        held = {"_id": self._name, "$expr": {"$gt": ["$held_until", "$$NOW"]}}
        left = {"left": {"$subtract": ["$held_until", "$$NOW"]}}
        while document := await self._documents.find_one(held, left):
            seconds = document["left"] / 1000
            await asyncio.sleep(seconds)

    async def _take(self, slot_id: str, run: str) -> None:
        since: datetime | None = None
        while True:
            answer = await _to_its_end(self._ask(slot_id, run, since))
            if answer is None:
                await self.prepare()
            elif answer["due"] is None:
                return
            else:
                since = since or answer["now"]
                wait: float = (answer["due"] - answer["now"]) / timedelta(seconds=1)
                await asyncio.sleep(wait + random.random() * _JITTER_SECONDS)  # noqa: S311 (jitter)

    async def _ask(self, slot_id: str, run: str, since: datetime | None) -> Document | None:
        """Take a slot (then `due` is None) or a place among those who wait until `due`."""
        me: Document = {"id": slot_id, "run": (own := {"$literal": run})}
        slot = me | {"until": _later("$$NOW", self._period_ms + self._timeout_ms)}
        place = me | {"since": since or "$$NOW", "due": "$due", "until": _later("$due", _LATE_MS)}
        slots, waiting = _with(slot, "$slots", "$eq"), _with(place, "$waiting", "$ne")
        others = {name: _live(f"${name}", slot_id) for name in ("slots", "waiting")}
        answer: Document | None = await self._documents.find_one_and_update(
            {"_id": self._name},
            [
                {"$set": {"now": "$$NOW", **others}},
                {"$set": {"ask": {"held": _held_by(own), "before": _before(own, since)}}},
                {"$set": {"ask.lacking": self._lacking(), "ask.free_at": self._free_at()}},
                {"$set": {"due": _due()}},
                {"$set": {"slots": slots, "waiting": waiting}},
                {"$unset": "ask"},
            ],
            projection={"now": 1, "due": 1},
            return_document=ReturnDocument.AFTER,
        )
        return answer

    def _lacking(self) -> Document:
        """Below 0: a slot is free; 0: the first to run out is this run's turn; 1: the second."""
        small = {"$lt": ["$ask.held", self._reserved]}
        most = {"$cond": [small, self._limit, self._limit - self._reserved]}
        return {"$subtract": [{"$add": [{"$size": "$slots"}, {"$size": "$ask.before"}]}, most]}

    def _free_at(self) -> Document:
        """When each slot runs out at the earliest: a call that is out may be answered now."""
        earliest = {"$min": ["$$this.until", _later("$$NOW", self._period_ms)]}
        return {"$sortArray": {"input": {"$map": {"input": "$slots", "in": earliest}}, "sortBy": 1}}

    async def _end(self, slot: Slot) -> None:
        """Also where nobody knows whether the slot was granted: its end is harmless then."""
        change: Any = {"$pull": {"slots": {"id": slot.id}, "waiting": {"id": slot.id}}}
        if slot.is_used:
            ended = {"$mergeObjects": ["$$this", {"until": _later("$$NOW", self._period_ms)}]}
            moved = {"$cond": [{"$eq": ["$$this.id", slot.id]}, ended, "$$this"]}
            change = [{"$set": {"slots": {"$map": {"input": "$slots", "in": moved}}}}]
        try:
            async with asyncio.timeout(_SETTLE_SECONDS):
                await self._documents.update_one({"_id": self._name}, change)
        except (PyMongoError, TimeoutError) as error:
            # It runs out by itself; raised here, this would hide a cancellation, or lose an answer.
            log.warning("slot_not_ended", slot=slot.id, is_used=slot.is_used, reason=repr(error))


def reserved_slots(limit: int) -> int:
    """How many of `limit` slots are kept for runs that had few calls in the window."""
    return limit // _CALLS_PER_RESERVED or int(limit >= _FEWEST_TO_RESERVE)


async def _to_its_end(asking: Coroutine[Any, Any, Document | None]) -> Document | None:
    """Await a change also when cancelled: what it takes can be given back only afterwards."""
    task = asyncio.create_task(asking)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), _SETTLE_SECONDS)
        raise


def _due() -> Document:
    """When to ask again, None for now; who sleeps while a slot is free keeps nobody waiting."""
    last = {"$min": ["$ask.lacking", {"$subtract": [{"$size": "$slots"}, 1]}]}
    turn = {"$min": [{"$arrayElemAt": ["$ask.free_at", last]}, {"$min": "$ask.before.until"}]}
    asleep = {"$filter": {"input": "$ask.before", "cond": {"$gt": ["$$this.due", "$$NOW"]}}}
    free = {"$lt": ["$ask.lacking", {"$size": asleep}]}
    is_now = {"$and": [free, {"$lte": ["$held_until", "$$NOW"]}]}
    waits = {"$cond": [{"$lt": ["$ask.lacking", 0]}, "$$NOW", turn]}
    return {"$cond": [is_now, None, {"$max": ["$held_until", waits]}]}


def _before(run: Document, since: datetime | None) -> Document:
    """Those who wait and go before a run; it never waits for itself."""
    held, mine = _held_by("$$waiter.run"), _held_by(run)
    earlier = {"$and": [{"$eq": [held, mine]}, {"$lt": ["$$waiter.since", since or "$$NOW"]}]}
    first = {"$or": [{"$lt": [held, mine]}, earlier]}
    another = {"$ne": ["$$waiter.run", run]}
    return {"$filter": {"input": "$waiting", "as": "waiter", "cond": {"$and": [another, first]}}}


def _held_by(run: object) -> Document:
    return {"$size": {"$filter": {"input": "$slots", "cond": {"$eq": ["$$this.run", run]}}}}


def _live(items: str, slot_id: str) -> Document:
    cond = {"$and": [{"$gt": ["$$this.until", "$$NOW"]}, {"$ne": ["$$this.id", slot_id]}]}
    return {"$filter": {"input": {"$ifNull": [items, []]}, "cond": cond}}


def _with(item: Document, items: str, due_is: str) -> Document:
    return {"$concatArrays": [items, {"$cond": [{due_is: ["$due", None]}, [item], []]}]}


def _later(moment: str, milliseconds: int) -> Document:
    return {"$add": [moment, milliseconds]}
