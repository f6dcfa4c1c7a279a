"""State is a function of the log: what the log holds and it does not know is learnt first."""

from collections.abc import Mapping
from typing import Final

import structlog

from domain.errors import UndecodableEventError
from domain.events import ChangeEvent, decode
from domain.ticket_state import TicketState, relearn
from domain.topics import CHANGES
from infra.checkpoints import Advance, Checkpoint, Checkpoints
from infra.kafka import Record
from infra.log_reader import LogReader
from infra.mongo import Session, transaction
from streams.change_outbox import origin_of
from streams.fold import PartitionFold
from streams.state_store import StateStore

log = structlog.get_logger()

LOG_END: Final = "log_end"
RAW_HIGH: Final = "raw_high"
_CHUNK: Final = 1000


class LogMemory:
    """Reads each partition of `tickets.changes` from where its checkpoint last knew it to end."""

    def __init__(self, checkpoints: Checkpoints, store: StateStore, reader: LogReader) -> None:
        self._checkpoints = checkpoints
        self._store = store
        self._reader = reader

    async def learn(
        self, checkpoints: Mapping[int, Checkpoint], session: Session
    ) -> dict[int, Checkpoint]:
        """Fold what is unknown into the state; return the checkpoints, which know the log's end.

        Raises:
            FenceError: somebody else moved a checkpoint meanwhile.
        """
        bounds = await self._reader.bounds(CHANGES, list(checkpoints))
        return {
            partition: await self._learn(checkpoint, *bounds[partition], session)
            for partition, checkpoint in checkpoints.items()
        }

    async def _learn(
        self, checkpoint: Checkpoint, start: int, end: int, session: Session
    ) -> Checkpoint:
        position = max(checkpoint.extra.get(LOG_END) or 0, start)
        while position < end:
            records, position = await self._reader.read(
                CHANGES, checkpoint.partition, position, end, limit=_CHUNK
            )
            checkpoint = await self._absorb(checkpoint, records, position, session)
        return checkpoint

    async def _absorb(
        self, checkpoint: Checkpoint, records: list[Record], position: int, session: Session
    ) -> Checkpoint:
        events = _events(records)
        async with transaction(session):
            states = await self._store.states({event.key for event in events}, session)
            fold = PartitionFold(checkpoint.partition, {}, states, {}, {})
            for event in events:
                _relearn(fold, event)
            await self._store.save([fold], session)
            extra = {
                **checkpoint.extra,
                LOG_END: position,
                RAW_HIGH: _raw_high(checkpoint, records),
            }
            move = Advance(checkpoint, checkpoint.next_offset, checkpoint.last, extra)
            await self._checkpoints.advance([move], session)
        if fold.touched:
            log.warning("state_relearnt", partition=checkpoint.partition, tickets=len(fold.touched))
        return move.result()


def _relearn(fold: PartitionFold, event: ChangeEvent) -> None:
    known = fold.states.get(event.key)
    before = known or TicketState(tenant_id=event.tenant_id, external_id=event.external_id)
    after = relearn(before, event)
    if after is not before:
        fold.known_versions.setdefault(event.key, -1 if known is None else known.version)
        fold.states[event.key] = after
        fold.touched.add(event.key)


def _raw_high(checkpoint: Checkpoint, records: list[Record]) -> dict[str, int]:
    """The raw positions that the checkpoint knows, and those that the log shows as applied."""
    high: dict[str, int] = dict(checkpoint.extra.get(RAW_HIGH) or {})
    for record in records:
        if origin := origin_of(record.headers):
            place = origin.place
            high[place] = max(high.get(place, -1), origin.offset)
    return high


def _events(records: list[Record]) -> list[ChangeEvent]:
    events = []
    for record in records:
        try:
            event = decode(record.value)
        except UndecodableEventError as error:
            log.error("log_record_undecodable", offset=record.offset, reason=error.reason)
            continue
        if isinstance(event, ChangeEvent):
            events.append(event)
    return events
