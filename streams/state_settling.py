"""Settling whether a state is wrong, in a transaction that no worker's commit can overtake."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from domain.identity import partition_of
from domain.state_agreement import disagreements
from domain.topics import CLASSIFIED
from infra import collections, crash_points
from infra.checkpoints import Checkpoints
from infra.log_reader import LogReader
from infra.mongo import Mongo, Session
from infra.retrying import in_transaction
from streams.change_outbox import stored_events
from streams.log_tail import LogTail
from streams.state_shadow import StateShadow, fold_events
from streams.state_store import StateStore


class StateDifference(NamedTuple):
    """A ticket whose state contradicted the log, and in which fields; versions None if missing."""

    key: str
    fields: tuple[str, ...]
    state_version: int | None
    log_version: int | None


class StateSettling:
    """Compares doubtful states with the log and its outbox as they are at one moment."""

    def __init__(
        self, mongo: Mongo, shadow: StateShadow, tail: LogTail, partitions: int, *, repair: bool
    ) -> None:
        self._mongo = mongo
        self._shadow = shadow
        self._tail = tail
        self._partitions = partitions
        self._repair = repair
        self._store = StateStore(mongo)
        self._checkpoints = Checkpoints(mongo, "sync", CLASSIFIED)
        self._fences = mongo[collections.CHECKPOINTS]

    async def prepare(self, reader: LogReader) -> None:
        """Make the checkpoints of a sync agent that never ran: they are the fences."""
        bounds = await reader.bounds(CLASSIFIED, list(range(self._partitions)))
        await self._checkpoints.create({p: start for p, (start, _) in bounds.items()})

    async def settle(self, keys: Sequence[str]) -> list[StateDifference]:
        """Those of the tickets whose states contradict the log, put right with `repair`."""
        by_partition: dict[int, list[str]] = {}
        for key in sorted(keys):
            by_partition.setdefault(partition_of(key.encode(), self._partitions), []).append(key)
        found: list[StateDifference] = []
        for place, some in by_partition.items():
            found += await in_transaction(self._mongo, partial(self._settle, place, some))
        return found

    async def _settle(
        self, place: int, keys: Sequence[str], session: Session
    ) -> list[StateDifference]:
        # Written first: from here on no worker commits on this partition before we do, and a
        # batch that read states before this meets the write and begins anew.
        await self._fences.update_one(
            {"_id": self._checkpoints.id_of(place)}, {"$inc": {"settled": 1}}, session=session
        )
        crash_points.reached("state_fenced")
        outbox = await stored_events(self._mongo, place, session)
        live = await self._store.states(keys, session)
        await self._tail.catch_up(place)
        await self._shadow.check()
        told = await self._shadow.states({*keys, *(event.key for event in outbox)})
        fold_events(place, outbox, told)
        found = []
        for key in keys:
            state, truth = live.get(key), told.get(key)
            if fields := disagreements(state, truth):
                versions = (s.version if s else None for s in (state, truth))
                found.append(StateDifference(key, fields, *versions))
                if self._repair:
                    await self._store.replace(key, key in live, truth, session)
        crash_points.reached("state_before_commit")
        return found
