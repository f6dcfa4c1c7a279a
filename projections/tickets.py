"""The projector of `tickets`, `ticket_history` and run counters: one consumer, one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import structlog
from pymongo import InsertOne, ReplaceOne
from pymongo.errors import PyMongoError

from domain.errors import UndecodableEventError
from domain.events import ChangeEvent, LogRecord, RunMarker, decode, encode
from domain.read_models import TicketsFold
from domain.topics import CHANGES
from infra import collections, crash_points, dead_letters
from infra.checkpoints import Advance, Checkpoint, Checkpoints, record_hash
from infra.dead_letters import DeadLetter
from infra.kafka import Record
from infra.mongo import Document, Mongo, Session, transaction
from infra.owners import Owners
from infra.publisher import Publisher
from infra.read_models import active
from infra.settlement import Settlement

log = structlog.get_logger()


class TicketsStep:
    """Documents and checkpoint change in one transaction, fenced by the checkpoint."""

    def __init__(
        self,
        mongo: Mongo,
        checkpoints: Checkpoints,
        publisher: Publisher,
        settlement: Settlement,
        partitions: int,
    ) -> None:
        self._mongo = mongo
        self._checkpoints = checkpoints
        self._publisher = publisher
        self._settlement = settlement
        self._partitions = partitions
        self._owners = Owners(mongo)
        self._session: Session | None = None

    async def open(self, partitions: Iterable[int]) -> dict[int, Checkpoint]:
        """The checkpoints, with a predecessor's open transaction ended."""
        wanted = list(partitions)
        if self._session is None:
            self._session = await self._mongo.start_session()
        await self._owners.take(map(self._checkpoints.id_of, wanted), self._session)
        return await self._checkpoints.load(wanted)

    async def advance(
        self, slices: Mapping[int, Sequence[Record]], checkpoints: Mapping[int, Checkpoint]
    ) -> dict[int, Checkpoint]:
        """Project, commit, and close the runs that are applied now."""
        if self._session is None:
            self._session = await self._mongo.start_session()
        decoded, refused = _decode(slices)
        await dead_letters.send(self._publisher, refused, self._partitions)
        moves = [
            Advance(checkpoints[p], records[-1].offset + 1, record_hash(records[-1].value))
            for p, records in slices.items()
        ]
        markers = [m for records in decoded.values() for m in records if isinstance(m, RunMarker)]
        names = await active(self._mongo)
        async with transaction(self._session) as session:
            fold = await self._fold(names, decoded, session)
            crash_points.reached("projector_folded")
            await self._write(names, fold, session)
            await self._settle(markers, session)
            crash_points.reached("projector_written")
            await self._checkpoints.advance(moves, session)
            crash_points.reached("projector_before_commit")
        crash_points.reached("projector_committed")
        await self._close({marker.job_id for marker in markers})
        return {move.checkpoint.partition: move.result() for move in moves}

    async def _fold(
        self,
        names: Mapping[str, str],
        decoded: Mapping[int, Sequence[LogRecord]],
        session: Session,
    ) -> TicketsFold:
        events = [e for some in decoded.values() for e in some if isinstance(e, ChangeEvent)]
        keys = list({event.key for event in events})
        tickets = self._mongo[names[collections.TICKETS]]
        known = await tickets.find({"_id": {"$in": keys}}, {"version": 1}, session=session).to_list(
            None
        )
        parked = await self._mongo[collections.PARKED].distinct(
            "key", {"key": {"$in": keys}}, session=session
        )
        fold = TicketsFold({d["_id"]: d["version"] for d in known}, set(parked))
        for event in events:
            fold.apply(event)
        return fold

    async def _write(self, names: Mapping[str, str], fold: TicketsFold, session: Session) -> None:
        writes: list[Any] = [
            InsertOne(document) if key in fold.new else ReplaceOne({"_id": key}, document)
            for key, document in fold.tickets.items()
        ]
        if writes:
            await self._mongo[names[collections.TICKETS]].bulk_write(
                writes, ordered=False, session=session
            )
        if fold.history:
            await self._mongo[names[collections.TICKET_HISTORY]].insert_many(
                fold.history, ordered=False, session=session
            )
        await self._park(fold.parking, session)

    async def _park(self, events: Iterable[ChangeEvent], session: Session) -> None:
        waiting = {f"{event.key}:{event.version}": event for event in events}
        if waiting:
            log.error("tickets_parked", events=sorted(waiting)[:20], count=len(waiting))
            rows = [
                {"_id": id_, "key": e.key, "tenant_id": e.tenant_id, "value": encode(e)}
                for id_, e in waiting.items()
            ]
            await self._insert_missing(collections.PARKED, rows, session)

    async def _settle(self, markers: Iterable[RunMarker], session: Session) -> None:
        rows = {
            f"{m.job_id}:{m.partition}": {
                "_id": f"{m.job_id}:{m.partition}",
                "job_id": m.job_id,
                "partition": m.partition,
                "tally": msgspec.structs.asdict(m.tally),
            }
            for m in markers
        }
        await self._insert_missing(collections.RUN_SETTLED, list(rows.values()), session)

    async def _insert_missing(
        self, collection: str, rows: Sequence[Document], session: Session
    ) -> None:
        """Insert what is not there; in a transaction a duplicate key would fail for ever."""
        if not rows:
            return
        ids = [row["_id"] for row in rows]
        found = self._mongo[collection].find({"_id": {"$in": ids}}, {"_id": 1}, session=session)
        known = {row["_id"] async for row in found}
        missing = [row for row in rows if row["_id"] not in known]
        if missing:
            await self._mongo[collection].insert_many(missing, session=session)

    async def _close(self, job_ids: Iterable[str]) -> None:
        try:
            await self._settlement.close(job_ids)
        except PyMongoError as error:
            # The documents are committed; every worker closes applied jobs once a second.
            log.warning("run_not_closed", reason=repr(error))


def _decode(
    slices: Mapping[int, Sequence[Record]],
) -> tuple[dict[int, list[LogRecord]], list[DeadLetter]]:
    decoded: dict[int, list[LogRecord]] = {}
    refused = []
    for partition, records in slices.items():
        some = decoded.setdefault(partition, [])
        for record in records:
            try:
                some.append(decode(record.value))
            except UndecodableEventError as error:
                refused.append(dead_letters.of_record(CHANGES, record, error.reason))
    return decoded, refused
