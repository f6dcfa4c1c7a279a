"""The documents that change events make: `tickets`, `ticket_history`, digests and roll-ups."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

from pymongo import InsertOne, ReplaceOne, UpdateOne

from domain.digests import DIGEST
from domain.events import ChangeEvent, LogRecord
from domain.read_models import TICKET_HISTORY, TICKETS, Applied, TicketsFold
from domain.roll_up_documents import delta_document
from infra.digests import KeptDigests
from infra.mongo import Mongo, Session
from infra.read_models import Generation
from infra.turns import in_turns

_ENTRIES: Final = 500


class TicketModels:
    """Reads and writes the documents of a generation within the caller's transaction."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self._digests = KeptDigests(mongo)

    async def fold(
        self,
        generation: Generation,
        decoded: Mapping[int, Sequence[LogRecord]],
        keys: Sequence[str],
        parked: Collection[str],
        session: Session,
    ) -> TicketsFold:
        """What each partition's records, about the tickets `keys`, make of the documents."""
        tickets = self._mongo[generation.names[TICKETS]]
        shown = {"version": 1, DIGEST: 1}
        found = tickets.find({"_id": {"$in": keys}}, shown, session=session)
        known = {d["_id"]: applied(d) for d in await found.to_list(None)}
        return await self.fold_over(TicketsFold(known, set(parked)), generation, decoded, session)

    async def fold_over(
        self,
        fold: TicketsFold,
        generation: Generation,
        decoded: Mapping[int, Sequence[LogRecord]],
        session: Session,
    ) -> TicketsFold:
        """The same over what is known already; what erasures take is read as it is stored."""
        erased = [event.key for event in _events(decoded) if event.type == "erased"]
        if erased:
            tickets = self._mongo[generation.names[TICKETS]]
            found = tickets.find({"_id": {"$in": erased}}, session=session)
            fold.stored |= {d["_id"]: d for d in await found.to_list(None)}
        for partition, records in decoded.items():
            events = (record for record in records if isinstance(record, ChangeEvent))
            await in_turns(events, partial(fold.apply, partition=partition))
        fold.blank_batch()
        return fold

    async def write(self, generation: Generation, fold: TicketsFold, session: Session) -> None:
        """Write the documents of a fold, and what they change in the digests."""
        names = generation.names
        writes: list[Any] = []
        for key, ticket in fold.tickets.items():
            document = ticket | {DIGEST: fold.applied[key].digest}
            is_new = key in fold.new
            writes.append(InsertOne(document) if is_new else ReplaceOne({"_id": key}, document))
        if writes:
            tickets = self._mongo[names[TICKETS]]
            await tickets.bulk_write(writes, ordered=False, session=session)
        # Before those of the batch: of them nothing is left to blank.
        await self._blank_history(generation, fold, session)
        if fold.history:
            history = self._mongo[names[TICKET_HISTORY]]
            await history.insert_many(fold.history, ordered=False, session=session)
        await self._digests.change(generation.number, fold.digests, session)
        deltas = [delta_document(delta) for delta in fold.roll_ups.deltas()]
        if deltas and generation.roll_ups is not None:
            roll_ups = self._mongo[generation.roll_ups]
            await roll_ups.insert_many(deltas, ordered=False, session=session)

    async def _blank_history(
        self, generation: Generation, fold: TicketsFold, session: Session
    ) -> None:
        """Blank the stored entries of erased tickets: by `_id`, as a shadow has no other index."""
        history = self._mongo[generation.names[TICKET_HISTORY]]
        ids = (f"{key}:{v}" for key, e in fold.erased.items() for v in range(1, e.version))
        while some := list(islice(ids, _ENTRIES)):
            found = await history.find({"_id": {"$in": some}}, session=session).to_list(None)
            writes = [
                UpdateOne({"_id": blanked.id}, {"$set": {"changes": blanked.changes}})
                for blanked in fold.blank_stored(found)
            ]
            if writes:
                await history.bulk_write(writes, ordered=False, session=session)


def keys_of(decoded: Mapping[int, Sequence[LogRecord]]) -> list[str]:
    """The tickets that each partition's records are about."""
    return list({event.key for event in _events(decoded)})


def applied(document: Mapping[str, Any]) -> Applied:
    """What a document of `tickets` says of itself."""
    return Applied(document["version"], document.get(DIGEST, b""))


def _events(decoded: Mapping[int, Sequence[LogRecord]]) -> Iterator[ChangeEvent]:
    return (e for some in decoded.values() for e in some if isinstance(e, ChangeEvent))
