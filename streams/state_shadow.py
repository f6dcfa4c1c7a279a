"""What the log alone tells of every ticket, folded into a collection of one rebuild's own."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec
from pymongo import ASCENDING, ReplaceOne

from domain.errors import DeskstreamError, LogMismatchError, UndecodableEventError
from domain.events import ChangeEvent, decode
from domain.ticket_state import TicketState, relearn
from domain.topics import CHANGES
from infra import collections
from infra.kafka import Record
from infra.mongo import Document, Mongo
from streams.state_store import document_of

_PREFIX: Final = f"{collections.TICKET_STATE}_rebuild_"
_MARKER: Final = ""  # an `_id` before every ticket's


class ShadowLostError(DeskstreamError):
    """Another rebuild of the state began: this one has nothing to compare with any more."""

    def __init__(self) -> None:
        super().__init__("another rebuild of the state began, so this one ended")


class StateShadow:
    """The states by key, beside the live ones; `run` names the rebuild it belongs to."""

    def __init__(self, mongo: Mongo, run: str) -> None:
        self._mongo = mongo
        self._name = _PREFIX + run
        self._states = mongo[self._name]

    async def begin(self) -> None:
        """Take the place of every other shadow: those of rebuilds that were killed or are on."""
        names = await self._mongo.database.list_collection_names(
            filter={"name": {"$regex": f"^{_PREFIX}"}}
        )
        for name in names:
            await self._mongo[name].drop()
        await self._states.insert_one({"_id": _MARKER})

    async def check(self) -> None:
        """Raise `ShadowLostError` if another rebuild took this one's place."""
        if await self._states.find_one({"_id": _MARKER}) is None:
            raise ShadowLostError

    async def drop(self) -> None:
        """Leave no trace."""
        await self._states.drop()

    async def absorb(self, partition: int, records: Sequence[Record]) -> None:
        """Fold records of a partition of the log in, which follow those that came before.

        Raises:
            LogMismatchError: a record cannot be read, or events are missing.
            ShadowLostError: another rebuild began.
        """
        events = list(events_of(partition, records))
        await self.check()
        states = await self.states({event.key for event in events})
        before = dict(states)
        fold_events(partition, events, states)
        writes = [_write(key, s) for key, s in states.items() if s is not before.get(key)]
        if writes:
            await self._states.bulk_write(writes, ordered=False)

    async def states(self, keys: AbstractSet[str]) -> dict[str, TicketState]:
        """What is told of these tickets so far."""
        found = await self._states.find({"_id": {"$in": list(keys)}}).to_list(None)
        return {document["_id"]: msgspec.convert(document, TicketState) for document in found}

    async def page(self, last: str, limit: int) -> dict[str, TicketState]:
        """The next states by key behind `last`."""
        order = self._states.find({"_id": {"$gt": last}}).sort("_id", ASCENDING).limit(limit)
        found = await order.to_list(None)
        return {document["_id"]: msgspec.convert(document, TicketState) for document in found}


def events_of(partition: int, records: Iterable[Record]) -> Iterable[ChangeEvent]:
    """The change events among the records of a partition of the log."""
    for record in records:
        try:
            event = decode(record.value)
        except UndecodableEventError as error:
            reason = f"the record at {record.offset} cannot be read: {error.reason}"
            raise LogMismatchError(CHANGES, partition, reason) from error
        if isinstance(event, ChangeEvent):
            yield event


def fold_events(
    partition: int, events: Iterable[ChangeEvent], states: dict[str, TicketState]
) -> None:
    """Fold events into `states`, in order; late duplicates change nothing.

    Raises:
        LogMismatchError: a version follows that is not the last + 1.
    """
    for event in events:
        state = states.get(event.key) or TicketState(
            tenant_id=event.tenant_id, external_id=event.external_id
        )
        if event.version > state.version + 1:
            reason = f"version {event.version} of {event.key} follows version {state.version}"
            raise LogMismatchError(CHANGES, partition, reason)
        states[event.key] = relearn(state, event)


def _write(key: str, state: TicketState) -> ReplaceOne[Document]:
    return ReplaceOne({"_id": key}, document_of(key, state), upsert=True)
