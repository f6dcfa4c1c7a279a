"""The sync agent's state in MongoDB: tickets, run counters, and the jobs that markers name."""

from collections.abc import Collection as Some
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from pymongo import ASCENDING, InsertOne, ReplaceOne, UpdateOne

from domain.events import Tally
from domain.ticket_state import TicketState
from infra import collections
from infra.mongo import Document, Mongo, Session
from streams.fold import PartitionFold, RunCounter

_SIGHTING = ("observed_at", "gone_at", "source", "run", "insisted", "recent")


class StateStore:
    """Reads and writes within the caller's transaction: plain inserts and replaces."""

    def __init__(self, mongo: Mongo) -> None:
        self._states = mongo[collections.TICKET_STATE]
        self._tallies = mongo[collections.RUN_TALLIES]
        self._jobs = mongo[collections.JOBS]

    async def states(self, keys: Some[str], session: Session) -> dict[str, TicketState]:
        """The states of the tickets that are known."""
        found = await self._states.find({"_id": {"$in": list(keys)}}, session=session).to_list(None)
        return {document["_id"]: msgspec.convert(document, TicketState) for document in found}

    async def count(self) -> int:
        """About how many tickets are known."""
        return await self._states.estimated_document_count()

    async def page(self, last: str, limit: int) -> dict[str, TicketState]:
        """The next states by key behind `last`, outside of any transaction."""
        order = self._states.find({"_id": {"$gt": last}}).sort("_id", ASCENDING).limit(limit)
        found = await order.to_list(None)
        return {document["_id"]: msgspec.convert(document, TicketState) for document in found}

    async def replace(
        self, key: str, known: bool, state: TicketState | None, session: Session
    ) -> None:
        """Put `state` in the place of what is known of a ticket, if anything is; None is none."""
        if state is None:
            await self._states.delete_one({"_id": key}, session=session)
        elif known:
            await self._states.replace_one({"_id": key}, document_of(key, state), session=session)
        else:
            await self._states.insert_one(document_of(key, state), session=session)

    async def jobs(self, job_ids: Some[str], session: Session) -> dict[str, Document]:
        """The runs that exist among `job_ids`."""
        if not job_ids:
            return {}
        found = await self._jobs.find({"_id": {"$in": list(job_ids)}}, session=session).to_list(
            None
        )
        return {document["_id"]: document for document in found}

    async def counters(self, ids: Some[str], session: Session) -> dict[str, RunCounter]:
        """The run counters that exist, by `_id`."""
        if not ids:
            return {}
        found = await self._tallies.find({"_id": {"$in": list(ids)}}, session=session).to_list(None)
        return {
            d["_id"]: RunCounter(
                d["job_id"], d["partition"], Tally(**d["tally"]), d["frozen"], is_new=False
            )
            for d in found
        }

    async def save(self, folds: Iterable[PartitionFold], session: Session) -> None:
        """Write what the folds changed."""
        states: list[Any] = []
        tallies: list[Any] = []
        for fold in folds:
            states += [_write(key, fold) for key in fold.touched]
            tallies += [_tally(fold.counters[job_id]) for job_id in fold.counted]
        if states:
            await self._states.bulk_write(states, ordered=False, session=session)
        if tallies:
            await self._tallies.bulk_write(tallies, ordered=False, session=session)


def _write(key: str, fold: PartitionFold) -> InsertOne[Document] | ReplaceOne[Document] | UpdateOne:
    state = fold.states[key]
    known = fold.known_versions[key]
    if state.version == known:
        # Nothing changed but who saw it when: the ticket's text need not travel again.
        return UpdateOne({"_id": key}, {"$set": {n: getattr(state, n) for n in _SIGHTING}})
    document = document_of(key, state)
    return InsertOne(document) if known < 0 else ReplaceOne({"_id": key}, document)


def document_of(key: str, state: TicketState) -> Document:
    """A state as its document holds it."""
    fields: Document = msgspec.to_builtins(state, builtin_types=(datetime, bytes))
    return {"_id": key} | fields


def _tally(counter: RunCounter) -> InsertOne[Document] | ReplaceOne[Document]:
    document = {
        "_id": counter.id,
        "job_id": counter.job_id,
        "partition": counter.partition,
        "tally": msgspec.structs.asdict(counter.tally),
        "frozen": counter.frozen,
    }
    return InsertOne(document) if counter.is_new else ReplaceOne({"_id": counter.id}, document)
