"""A generation beside the live one: folded from the log, seen by nobody until it is swapped in."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from domain.errors import VersionGapError
from domain.events import ChangeEvent, LogRecord, decode
from domain.runs import decode_audit
from infra import crash_points, dead_letters
from infra.checkpoints import Checkpoint, Checkpoints, after, moves_behind
from infra.kafka import Record
from infra.mongo import Mongo, Session, transaction
from infra.read_models import TICKETS, Generation, Projection
from projections.ingestion_logs import AuditModel
from projections.ticket_models import TicketModels

Slices = Mapping[int, Sequence[Record]]


class Writer(Protocol):
    """What a projection makes of records, in the caller's transaction."""

    async def write(self, generation: Generation, slices: Slices, session: Session) -> None:
        """Write the documents.

        Raises:
            VersionGapError: the log lacks an event.
        """


class TicketWriter:
    """`tickets` and `ticket_history`, of one tenant or of all."""

    def __init__(self, mongo: Mongo, tenant_id: str | None) -> None:
        self._models = TicketModels(mongo)
        self._tenant_id = tenant_id

    async def write(self, generation: Generation, slices: Slices, session: Session) -> None:
        """Fold and write; the live projector has dead letters for what is undecodable."""
        decoded, _ = dead_letters.readable("", slices, decode)
        wanted = {p: [r for r in some if self._is_wanted(r)] for p, some in decoded.items()}
        fold = await self._models.fold(generation, wanted, (), session)
        if fold.parking:
            first = fold.parking[0]
            known = fold.applied.get(first.key)
            raise VersionGapError(first.key, (known.version if known else 0) + 1, first.version)
        await self._models.write(generation, fold, session)

    def _is_wanted(self, record: LogRecord) -> bool:
        if not isinstance(record, ChangeEvent):
            return False
        return self._tenant_id in (None, record.tenant_id)


class AuditWriter:
    """`ingestion_logs`, of one tenant or of all."""

    def __init__(self, mongo: Mongo, tenant_id: str | None) -> None:
        self._model = AuditModel(mongo)
        self._tenant_id = tenant_id

    async def write(self, generation: Generation, slices: Slices, session: Session) -> None:
        """Insert what is not there."""
        decoded, _ = dead_letters.readable("", slices, decode_audit)
        wanted = {
            p: [audit for audit in some if self._tenant_id in (None, audit.tenant_id)]
            for p, some in decoded.items()
        }
        await self._model.write(generation, wanted, session)


class Shadow:
    """A generation with checkpoints of its own, moved in the transactions that write it."""

    def __init__(
        self, mongo: Mongo, projection: Projection, generation: Generation, tenant_id: str | None
    ) -> None:
        self._mongo = mongo
        self.projection = projection
        self.generation = generation
        self.tenant_id = tenant_id
        self.checkpoints = Checkpoints(
            mongo, projection.consumer, projection.topic, generation=generation.number
        )
        writer = TicketWriter if projection == TICKETS else AuditWriter
        self._writer: Writer = writer(mongo, tenant_id)

    async def advance(
        self, slices: Slices, checkpoints: Mapping[int, Checkpoint], session: Session
    ) -> dict[int, Checkpoint]:
        """Write in a transaction of its own.

        Raises:
            FenceError: somebody else writes this generation, or removed it.
            VersionGapError: the log lacks an event.
        """
        async with transaction(session):
            done = await self.advance_within(slices, checkpoints, session)
            crash_points.reached("shadow_before_commit")
        crash_points.reached("shadow_committed")
        return done

    async def advance_within(
        self, slices: Slices, checkpoints: Mapping[int, Checkpoint], session: Session
    ) -> dict[int, Checkpoint]:
        """Write in the caller's transaction."""
        slices = {partition: records for partition, records in slices.items() if records}
        if not slices:
            return {}
        moves = moves_behind(slices, checkpoints)
        await self._writer.write(self.generation, slices, session)
        crash_points.reached("shadow_written")
        await self.checkpoints.advance(moves, session)
        return after(moves)
