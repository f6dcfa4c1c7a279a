"""Where values of tickets stand in MongoDB that an erasure takes: counted, place by place."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from domain.blanks import BLANKS, blanked_event
from domain.events import ChangeEvent, decode
from infra import collections
from infra.erased_letters import REASON
from infra.mongo import Document, Mongo
from infra.read_models import TICKETS, active_generation

PLACES: Final = (
    collections.TICKETS,
    collections.TICKET_HISTORY,
    collections.TICKET_STATE,
    collections.CHANGE_OUTBOX,
    collections.PARKED,
    collections.ALERTS,
    collections.DEAD_LETTERS,
)
_KEYS: Final = 500
_SAYS_NOTHING: Final = {"$concat": ["$action", " with urgency high"]}


class ErasurePlaces:
    """How many documents about some tickets still hold what an erasure takes."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def count(self, keys: Sequence[str]) -> dict[str, int]:
        """By place; `keys` are tickets, `tenant:external_id`."""
        names = (await active_generation(self._mongo, TICKETS)).names
        found = dict.fromkeys(PLACES, 0)
        for first in range(0, len(keys), _KEYS):
            for place, wanted in _queries(keys[first : first + _KEYS]).items():
                collection = self._mongo[names.get(place, place)]
                found[place] += await collection.count_documents(wanted)
        wanted_keys = set(keys)
        found[collections.PARKED] = sum([1 async for _ in self._parked(wanted_keys)])
        found[collections.CHANGE_OUTBOX] = len(await self.outbox_partitions(wanted_keys))
        return found

    async def outbox_partitions(self, keys: set[str]) -> list[int]:
        """The partitions whose outbox holds text of these tickets, once for each row."""
        return [
            row["partition"]
            async for row in self._mongo[collections.CHANGE_OUTBOX].find()
            if any(_holds(value, keys) for _, value, *_ in row["records"])
        ]

    async def _parked(self, keys: set[str]) -> AsyncIterator[Document]:
        tenants = {key.partition(":")[0] for key in keys}
        async for row in self._mongo[collections.PARKED].find(
            {"tenant_id": {"$in": list(tenants)}}
        ):
            if _holds(row["value"], keys):
                yield row


def _queries(keys: Sequence[str]) -> dict[str, Document]:
    tenants: dict[str, list[str]] = {}
    for key in keys:
        tenants.setdefault(key.partition(":")[0], []).append(key.partition(":")[2])
    by_ticket = _any([{"tenant_id": t, "ticket_id": {"$in": some}} for t, some in tenants.items()])
    by_id = _any([{"tenant_id": t, "external_id": {"$in": some}} for t, some in tenants.items()])
    unblanked = [{"field": f, "$or": [{"old": {"$ne": b}}, {"new": {"$ne": b}}]}
                 for f, b in BLANKS.items()]  # fmt: skip
    return {
        collections.TICKETS: {"_id": {"$in": list(keys)}, "erased_at": None},
        collections.TICKET_HISTORY: {**by_ticket, "changes": {"$elemMatch": {"$or": unblanked}}},
        collections.TICKET_STATE: {
            "_id": {"$in": list(keys)}, "version": {"$gt": 0}, "ticket.erased_at": None,
        },
        collections.ALERTS: {**by_ticket, "$expr": {"$ne": ["$reason", _SAYS_NOTHING]}},
        collections.DEAD_LETTERS: {**by_id, "reason": {"$ne": REASON}},
    }  # fmt: skip


def _any(queries: Sequence[Document]) -> Document:
    return {"$or": list(queries)}


def _holds(value: bytes, keys: set[str]) -> bool:
    """True if an event about one of these tickets says what an erasure takes."""
    event = decode(value)
    return isinstance(event, ChangeEvent) and event.key in keys and blanked_event(event) != event
