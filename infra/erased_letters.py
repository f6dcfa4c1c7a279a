"""Dead letters of erased tickets: nothing is left of them but that they were there.

A letter is blanked by whoever comes second.  The projector of tickets blanks those that are stored
when it applies an erasure; the projector of letters blanks those of tickets that are erased.  The
first writes the checkpoints of the second, so that no letter is stored between the two.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from domain.dead_letters import Letter
from domain.topics import DEAD_LETTERS as LETTERS_TOPIC
from infra import collections
from infra.mongo import Document, Mongo, Session
from infra.read_models import TICKETS, active_generation

CONSUMER: Final = "dead_letters"
REASON: Final = "erased"


async def erase_letters(mongo: Mongo, keys: Iterable[str], session: Session) -> None:
    """Blank the letters of these tickets, in the transaction that erases them."""
    fences = {"consumer": CONSUMER, "topic": LETTERS_TOPIC}
    await mongo[collections.CHECKPOINTS].update_many(
        fences, {"$inc": {"erasures": 1}}, session=session
    )
    for tenant_id, some in groupby(sorted(keys), lambda key: key.partition(":")[0]):
        tickets = [key.partition(":")[2] for key in some]
        wanted = {"tenant_id": tenant_id, "external_id": {"$in": tickets}}
        await blank_letters(mongo, wanted, session)


async def blank_letters(mongo: Mongo, wanted: Document, session: Session | None = None) -> int:
    """Blank the letters that fit, but for those that are blank; return how many were not."""
    entry = {"at": datetime.now(UTC), "action": REASON, "reason": REASON, "outcome": None}
    result = await mongo[collections.DEAD_LETTERS].update_many(
        {**wanted, "reason": {"$ne": REASON}},
        {"$set": _BLANKS, "$push": {"trail": entry}},
        session=session,
    )
    return result.modified_count


async def letters_beyond(mongo: Mongo, ids: Sequence[str], keys: Collection[str]) -> list[str]:
    """Those of the letters that are about none of the tickets `keys`."""
    shown = {"tenant_id": 1, "external_id": 1}
    found = mongo[collections.DEAD_LETTERS].find({"_id": {"$in": list(ids)}}, shown)
    return [d["_id"] async for d in found if f"{d['tenant_id']}:{d['external_id']}" not in keys]


async def without_erased(mongo: Mongo, letters: Sequence[Letter], session: Session) -> list[Letter]:
    """The same letters, those of erased tickets blanked."""
    keys = {key for letter in letters if (key := _key(letter))}
    live = await active_generation(mongo, TICKETS, session)
    tickets = mongo[live.names[collections.TICKETS]]
    wanted = {"_id": {"$in": list(keys)}, "erased_at": {"$ne": None}}
    erased = {d["_id"] async for d in tickets.find(wanted, {"_id": 1}, session=session)}
    return [_blank(letter) if _key(letter) in erased else letter for letter in letters]


def _key(letter: Letter) -> str | None:
    if letter.tenant_id is None or letter.external_id is None:
        return None
    return f"{letter.tenant_id}:{letter.external_id}"


def _blank(letter: Letter) -> Letter:
    return letter._replace(
        key=None, headers=(), value=b"", sha256="", complete=False, reason=REASON, state="evicted"
    )


_BLANKS: Final[Document] = {
    "key": None,
    "headers": [],
    "value": b"",
    "sha256": "",
    "complete": False,
    "reason": REASON,
    "state": "evicted",
}
