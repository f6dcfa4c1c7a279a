"""The sync agent: tickets.classified -> tickets.changes, through state and outbox (design 4)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from time import time
from typing import Any

import structlog
from pymongo.errors import PyMongoError

from domain.records import (
    ClassifiedRecord,
    Deleted,
    Erased,
    Observed,
    Reclassified,
    Refused,
    RunEnded,
    TicketRecord,
    decode_record,
)
from domain.topics import CLASSIFIED
from infra import crash_points, dead_letters
from infra.checkpoints import Advance, Checkpoint, Checkpoints, after, record_hash
from infra.dead_letters import DeadLetter
from infra.kafka import Record
from infra.log_reader import LogReader
from infra.mongo import Document, Mongo, Session, transaction
from infra.owners import Owners
from infra.publisher import Publisher
from infra.turns import in_turns
from streams.change_outbox import ChangeOutbox, rows_of
from streams.fold import PartitionFold
from streams.log_memory import LOG_END, RAW_HIGH, LogMemory
from streams.state_store import StateStore

log = structlog.get_logger()

OUTBOX_SEQUENCE = "outbox_sequence"


class SyncStep:
    """One transaction per batch: states, change events as final bytes, run counters, checkpoints.

    Events are published after the commit and forgotten by the next one; a successor publishes
    what it finds before it writes anything.
    """

    def __init__(
        self,
        mongo: Mongo,
        checkpoints: Checkpoints,
        publisher: Publisher,
        reader: LogReader,
        partitions: int,
        *,
        clock: Callable[[], float] = time,
    ) -> None:
        self._mongo = mongo
        self._checkpoints = checkpoints
        self._publisher = publisher
        self._partitions = partitions
        self._clock = clock
        self._outbox = ChangeOutbox(mongo, publisher)
        self._store = StateStore(mongo)
        self._memory = LogMemory(checkpoints, self._store, reader)
        self._owners = Owners(mongo)
        self._acknowledged: dict[int, list[str]] = {}
        self._log_ends: dict[int, int] = {}

    async def open(self, partitions: Iterable[int]) -> dict[int, Checkpoint]:
        """Publish what a predecessor committed, and take over from it."""
        wanted = list(partitions)
        session = await self._owners.own(map(self._checkpoints.id_of, wanted))
        async with transaction(session):
            checkpoints = await self._checkpoints.load(wanted, session)
            rows = await self._outbox.load(wanted, session)
        await self._outbox.publish(rows)
        crash_points.reached("leftovers_published")
        for partition in wanted:
            mine = [row["_id"] for row in rows if row["partition"] == partition]
            self._acknowledged[partition] = mine
            self._log_ends.pop(partition, None)
        return await self._memory.learn(checkpoints, session)

    async def taken(self, checkpoints: Mapping[int, Checkpoint]) -> set[int]:
        """Those that another session owns."""
        return await self._owners.taken(checkpoints)

    async def advance(
        self, slices: Mapping[int, Sequence[Record]], checkpoints: Mapping[int, Checkpoint]
    ) -> dict[int, Checkpoint]:
        """Fold, commit, publish."""
        session = await self._owners.session()
        batches, refused = await dead_letters.readable(CLASSIFIED, slices, decode_record)
        await dead_letters.send(self._publisher, refused, self._partitions)
        acknowledged = [id_ for p in slices for id_ in self._acknowledged[p]]
        async with transaction(session):
            folds = await self._fold(batches, checkpoints, session)
            unbelieved = [_unbelieved(*refusal) for fold in folds for refusal in fold.refused]
            await dead_letters.send(self._publisher, unbelieved, self._partitions)
            crash_points.reached("sync_folded")
            await self._store.save(folds, session)
            crash_points.reached("sync_state_written")
            rows = self._rows(folds, checkpoints)
            await self._outbox.store(rows, acknowledged, session)
            moves = [self._move(fold, slices[fold.partition], checkpoints, rows) for fold in folds]
            await self._checkpoints.advance(moves, session)
            crash_points.reached("sync_before_commit")
        crash_points.reached("sync_committed")
        self._log_ends |= await self._outbox.publish(rows)
        crash_points.reached("sync_published")
        for partition in slices:
            mine = [row["_id"] for row in rows if row["partition"] == partition]
            self._acknowledged[partition] = mine
        return after(moves)

    async def close(self) -> None:
        """Forget the rows that were acknowledged, or a successor would publish them again."""
        acknowledged = [id_ for ids in self._acknowledged.values() for id_ in ids]
        self._acknowledged = {}
        try:
            await self._outbox.forget(acknowledged)
        except PyMongoError as error:
            # Whoever comes next repeats them, byte for byte: readers pass over them.
            log.warning("outbox_not_emptied", rows=len(acknowledged), reason=repr(error))

    async def _fold(
        self,
        batches: Mapping[int, Sequence[ClassifiedRecord]],
        checkpoints: Mapping[int, Checkpoint],
        session: Session,
    ) -> list[PartitionFold]:
        keys = {r.key for some in batches.values() for r in some if isinstance(r, TicketRecord)}
        runs = {p: {j for r in some if (j := _job(r))} for p, some in batches.items()}
        states = await self._store.states(keys, session)
        jobs = await self._store.jobs(set().union(*runs.values()), session)
        ids = [f"{job_id}:{p}" for p, job_ids in runs.items() for job_id in job_ids]
        counters = await self._store.counters(ids, session)
        folds = []
        for partition, records in batches.items():
            fold = PartitionFold(
                partition,
                dict(checkpoints[partition].extra.get(RAW_HIGH) or {}),
                states,
                {j: c for j in runs[partition] if (c := counters.get(f"{j}:{partition}"))},
                jobs,
            )
            await in_turns(records, fold.apply)
            folds.append(fold)
        return folds

    def _rows(
        self, folds: Iterable[PartitionFold], checkpoints: Mapping[int, Checkpoint]
    ) -> list[Document]:
        now = int(self._clock() * 1000)
        rows: list[Document] = []
        for fold in folds:
            sequence = checkpoints[fold.partition].extra.get(OUTBOX_SEQUENCE) or 0
            rows += rows_of(fold.partition, sequence, fold.events, now)
        return rows

    def _move(
        self,
        fold: PartitionFold,
        records: Sequence[Record],
        checkpoints: Mapping[int, Checkpoint],
        rows: Iterable[Document],
    ) -> Advance:
        checkpoint = checkpoints[fold.partition]
        mine = [row["sequence"] for row in rows if row["partition"] == fold.partition]
        extra: dict[str, Any] = {
            OUTBOX_SEQUENCE: max(mine, default=checkpoint.extra.get(OUTBOX_SEQUENCE)),
            LOG_END: self._log_ends.get(fold.partition, checkpoint.extra.get(LOG_END)),
            RAW_HIGH: fold.raw_high,
        }
        return Advance(checkpoint, records[-1].offset + 1, record_hash(records[-1].value), extra)


def _job(record: ClassifiedRecord) -> str | None:
    match record:
        case Observed() | Deleted() | Reclassified() | Erased():
            return record.provenance.job_id
        case Refused() | RunEnded():
            return record.job_id


def _unbelieved(marker: RunEnded, reason: str) -> DeadLetter:
    origin = marker.origin
    place = f"{origin.epoch}/{origin.partition}/{origin.offset}" if origin else "unknown"
    return DeadLetter(f"{CLASSIFIED}/marker/{place}", reason, None, repr(marker).encode())
