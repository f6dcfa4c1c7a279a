"""The collection `dead_letters`: what is stored, looked for, and noted of what was done."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING, UpdateOne

from domain.dead_letters import Letter, LetterState, letter_document, letter_of
from domain.errors import LetterNotFoundError
from infra import collections
from infra.mongo import Document, Mongo, Session

_ORDER: Final = collections.LETTER_FIELDS
_LISTED: Final = ("tenant_id", "state")
_WHOLE_ID: Final = 64  # characters
_FETCHED: Final = 20
_SHORT: Final = {"value": 0, "headers": 0, "key": 0}


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which letters are meant: these ids, or those that fit every filter given; all if none is."""

    ids: Sequence[str] = ()
    tenant_id: str | None = None
    state: LetterState | None = None
    reason: str | None = None

    def query(self) -> Document:
        """The filter of MongoDB.  `reason` is looked for anywhere in the reason, in any case."""
        query: Document = {"_id": {"$in": list(self.ids)}} if self.ids else {}
        if self.tenant_id is not None:
            query["tenant_id"] = self.tenant_id
        if self.state is not None:
            query["state"] = self.state
        if self.reason is not None:
            query["reason"] = {"$regex": re.escape(self.reason), "$options": "i"}
        return query


async def store_letters(mongo: Mongo, letters: Sequence[Letter], session: Session) -> None:
    """Insert letters that are new; of others note when they were seen last."""
    collection = mongo[collections.DEAD_LETTERS]
    ids = list({letter.id for letter in letters})
    found = collection.find({"_id": {"$in": ids}}, {"_id": 1}, session=session)
    known = {document["_id"] async for document in found}
    new: dict[str, Document] = {}
    repeats = []
    for letter in letters:
        if letter.id in known:
            seen = {"$min": {"first_seen": letter.seen_at}, "$max": {"last_seen": letter.seen_at}}
            repeats.append(UpdateOne({"_id": letter.id}, seen))
            continue
        document = new.setdefault(letter.id, letter_document(letter))
        document["first_seen"] = min(document["first_seen"], letter.seen_at)
        document["last_seen"] = max(document["last_seen"], letter.seen_at)
    if new:
        await collection.insert_many(list(new.values()), session=session)
    if repeats:
        await collection.bulk_write(repeats, ordered=False, session=session)


class Letters:
    """The letters as operators see them."""

    def __init__(self, mongo: Mongo) -> None:
        self._letters = mongo[collections.DEAD_LETTERS]

    async def ids(self, prefixes: Sequence[str]) -> list[str]:
        """The ids that begin so, each of them one letter.

        Raises:
            LetterNotFoundError: no letter's id begins so, or several do.
        """
        return [await self._id(prefix) for prefix in prefixes]

    async def show(self, id_: str) -> Document:
        """The whole document of a letter."""
        document = await self._letters.find_one({"_id": id_})
        if document is None:
            raise LetterNotFoundError(id_, 0)
        return document

    async def page(self, selection: Selection, limit: int) -> tuple[list[Document], int]:
        """The first `limit` letters without their payloads, by tenant, and how many there are."""
        query = selection.query()
        order = [*((name, ASCENDING) for name in _LISTED), ("first_seen", DESCENDING)]
        rows = self._letters.find(query, _SHORT).sort(order).limit(limit)
        return await rows.to_list(None), await self._letters.count_documents(query)

    async def in_order(self, selection: Selection) -> AsyncIterator[Letter]:
        """Every letter of a selection, ticket by ticket, each ticket's as its records arrived."""
        if selection.ids:
            # Named one by one they are few: whole letters are not sorted in memory.
            heads = await self._letters.find(selection.query(), dict.fromkeys(_ORDER, 1)).to_list(
                None
            )
            for head in sorted(heads, key=_rank):
                yield letter_of(await self.show(head["_id"]))
            return
        found = self._letters.find(selection.query(), {"trail": 0}).hint(collections.LETTER_ORDER)
        order = [(name, ASCENDING) for name in _ORDER]
        async for document in found.sort(order).batch_size(_FETCHED):
            yield letter_of(document)

    async def left_before(self, letter: Letter, selection: Selection) -> str | None:
        """A letter of the same ticket that waits before `letter` and is not selected, if any."""
        earlier = {
            "tenant_id": letter.tenant_id,
            "external_id": letter.external_id,
            "arrived_at": {"$lte": letter.arrived_at},
            "topic": letter.place.topic,
            "partition": letter.place.partition,
            "offset": {"$lt": letter.place.offset},
            "state": "waiting",
            "$nor": [selection.query()],
        }
        if letter.tenant_id is None or letter.external_id is None or not selection.query():
            return None
        found = await self._letters.find_one(earlier, {"_id": 1})
        return None if found is None else str(found["_id"])

    async def note_redriven(self, id_: str, position: str, outcome: str) -> None:
        """Note that a letter was sent again to `position`, and what was to become of it."""
        entry = _entry("redriven", f"sent to {position}", outcome)
        said = {"$set": {"state": "redriven", "redriven_to": position}, "$push": {"trail": entry}}
        await self._letters.update_one({"_id": id_}, said)

    async def evict(self, id_: str, reason: str) -> LetterState | None:
        """Give a waiting letter up; if it does not wait, return its state and change nothing."""
        said = {"$set": {"state": "evicted"}, "$push": {"trail": _entry("evicted", reason, None)}}
        result = await self._letters.update_one({"_id": id_, "state": "waiting"}, said)
        if result.matched_count:
            return None
        state: LetterState = (await self.show(id_))["state"]
        return state

    async def _id(self, prefix: str) -> str:
        if not re.fullmatch(r"[0-9a-f]{1,64}", prefix):
            raise LetterNotFoundError(prefix, 0)
        if len(prefix) == _WHOLE_ID:
            return str((await self.show(prefix))["_id"])
        between = {"_id": {"$gte": prefix, "$lt": prefix + "g"}}
        found = await self._letters.find(between, {"_id": 1}).limit(2).to_list(None)
        if len(found) != 1:
            raise LetterNotFoundError(prefix, len(found))
        return str(found[0]["_id"])


def _rank(head: Document) -> list[tuple[bool, Any]]:
    """What sorts as MongoDB does: nothing before anything."""
    return [(head[name] is not None, head[name]) for name in _ORDER]


def _entry(action: str, reason: str, outcome: str | None) -> Mapping[str, Any]:
    return {"at": datetime.now(UTC), "action": action, "reason": reason, "outcome": outcome}
