"""The log closed for a rewrite: no process starts, and what still runs can write nothing.

The marker keeps processes from starting; retired checkpoints fence off those that run: the sync
agent, which writes the log, and whoever follows it.
"""

from collections.abc import Mapping
from typing import Any, Final

from domain.errors import DeskstreamError
from domain.topics import CHANGES
from infra import collections
from infra.checkpoints import record_hash
from infra.mongo import Document, Mongo, Session

CLOSED: Final = "closed"
_ID: Final = "tickets.changes"
_RETIRED: Final = "log rewrite"
_FENCED: Final[Document] = {"$or": [{"consumer": "sync"}, {"topic": CHANGES}]}


class LogClosedError(DeskstreamError):
    """A rewrite of the log was begun and is not over."""

    def __init__(self) -> None:
        super().__init__(
            "tickets.changes is being rewritten: no process may run until "
            "`deskstream log rewrite --delete-old` has ended; run it again if it was killed"
        )


async def check_open(mongo: Mongo) -> None:
    """Raise `LogClosedError` while a rewrite is under way."""
    if await phase(mongo) is not None:
        raise LogClosedError


async def phase(mongo: Mongo) -> str | None:
    """How far a rewrite is that closed the log; None: the log is open."""
    found = await mongo[collections.LOG_REWRITES].find_one({"_id": _ID})
    return None if found is None else str(found["phase"])


async def close(mongo: Mongo) -> None:
    """Close the log; one that is closed stays as it is."""
    await mongo[collections.LOG_REWRITES].update_one(
        {"_id": _ID}, {"$setOnInsert": {"phase": CLOSED}}, upsert=True
    )
    await mongo[collections.CHECKPOINTS].update_many(
        {**_FENCED, "retired": None}, {"$set": {"retired": _RETIRED}}
    )


async def note(mongo: Mongo, said: str) -> None:
    """Note how far the rewrite is."""
    await mongo[collections.LOG_REWRITES].update_one({"_id": _ID}, {"$set": {"phase": said}})


async def checkpoints_on(mongo: Mongo) -> list[Document]:
    """Every checkpoint on the log, of all consumers and generations, that has met a record."""
    wanted = {"topic": CHANGES, "last": {"$ne": None}}
    return await mongo[collections.CHECKPOINTS].find(wanted).to_list(None)


async def reopen(
    mongo: Mongo, last: Mapping[str, bytes | None], session: Session | None = None
) -> None:
    """Let processes run again; `last` has the record before each checkpoint, by its `_id`."""
    checkpoints = mongo[collections.CHECKPOINTS]
    for id_, value in last.items():
        said: dict[str, Any] = {"$set": {"last": record_hash(value)}}
        await checkpoints.update_one({"_id": id_}, said, session=session)
    await checkpoints.update_many(
        {"retired": _RETIRED}, {"$set": {"retired": None}}, session=session
    )
    await mongo[collections.LOG_REWRITES].delete_one({"_id": _ID}, session=session)
