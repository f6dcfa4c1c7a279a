"""The limiter as operators see it: how much of the limit is used, and who waits."""

from typing import NamedTuple

from infra import collections
from infra.mongo import Document, Mongo


class LimiterView(NamedTuple):
    """Slots that are taken, calls that wait, and for how many seconds a 429 still holds all."""

    used: int
    waiting: int
    held_seconds: float


async def read_limiter(mongo: Mongo, name: str) -> LimiterView:
    """The limiter of this name now, by the server's clock; one that nobody used is free.

    Raises:
        PyMongoError: MongoDB cannot be asked.
    """
    held = {"$max": [0, {"$subtract": ["$held_until", "$$NOW"]}]}
    found: Document | None = await mongo[collections.LIMITERS].find_one(
        {"_id": name}, {"used": _live("$slots"), "waiting": _live("$waiting"), "held": held}
    )
    if found is None:
        return LimiterView(0, 0, 0.0)
    return LimiterView(found["used"], found["waiting"], found["held"] / 1000)


def _live(items: str) -> Document:
    cond = {"$gt": ["$$this.until", "$$NOW"]}
    return {"$size": {"$filter": {"input": {"$ifNull": [items, []]}, "cond": cond}}}
