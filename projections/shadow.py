"""A generation beside the live one: folded from the log, seen by nobody until it is swapped in."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from domain.errors import VersionGapError
from domain.events import ChangeEvent, LogRecord, RunMarker, decode
from domain.read_models import Applied, TicketsFold
from domain.rebuild_errors import LogIncompleteError
from domain.run_counts import RunCounts
from domain.runs import decode_audit
from domain.topics import CHANGES
from infra import crash_points, dead_letters
from infra.checkpoints import Checkpoint, Checkpoints, after, moves_behind
from infra.kafka import Record
from infra.mongo import Mongo, Session, transaction
from infra.read_models import TICKETS, Generation, Projection
from projections.ingestion_logs import AuditModel
from projections.ticket_models import TicketModels, keys_of

Slices = Mapping[int, Sequence[Record]]


_MOST_REMEMBERED: Final = 150_000  # about 40 MB

Extras = Mapping[int, Mapping[str, Any] | None]


class Writer(Protocol):
    """What a projection makes of records, in the caller's transaction."""

    async def write(
        self, generation: Generation, slices: Slices, kept: Extras, session: Session, /
    ) -> Extras:
        """Write the documents; take and return what is kept with each partition's checkpoint.

        Raises:
            VersionGapError, LogIncompleteError: the log lacks an event.
        """


class TicketWriter:
    """`tickets` and `ticket_history`, of one tenant or of all.

    After a transaction that failed another one must take over: this one may remember too much.
    """

    def __init__(self, mongo: Mongo, tenant_id: str | None) -> None:
        self._models = TicketModels(mongo)
        self._tenant_id = tenant_id
        # What the documents say of themselves, while this writer alone has made all of them.
        self._applied: dict[str, Applied] | None = None

    async def write(
        self, generation: Generation, slices: Slices, kept: Extras, session: Session, /
    ) -> Extras:
        """Fold and write; the live projector has dead letters for what is undecodable.

        Runs are counted where one partition is folded alone, from its beginning on.
        """
        decoded, _ = await dead_letters.readable("", slices, decode)
        wanted = {p: [r for r in some if self._is_wanted(r)] for p, some in decoded.items()}
        if len(slices) == 1 and {} in kept.values():
            self._applied = {}
        if self._applied is None:
            fold = await self._models.fold(generation, wanted, keys_of(wanted), (), session)
        else:
            remembered = TicketsFold(self._applied, set())
            fold = await self._models.fold_over(remembered, generation, wanted, session)
            if len(self._applied) > _MOST_REMEMBERED:
                self._applied = None
        if fold.parking:
            first = fold.parking[0]
            known = fold.applied.get(first.key)
            raise VersionGapError(first.key, (known.version if known else 0) + 1, first.version)
        await self._models.write(generation, fold, session)
        if self._tenant_id is not None or len(slices) != 1:
            return {}
        [(partition, records)] = decoded.items()
        counts = kept[partition]
        if counts is None:
            return {}
        return {partition: _counted(partition, counts, fold.history, records)}

    def _is_wanted(self, record: LogRecord) -> bool:
        if not isinstance(record, ChangeEvent):
            return False
        return self._tenant_id in (None, record.tenant_id)


def _kept(checkpoint: Checkpoint) -> Mapping[str, Any] | None:
    """What was kept so far; None if it was not kept from the beginning on."""
    return checkpoint.extra if checkpoint.extra or not checkpoint.next_offset else None


def _counted(
    partition: int,
    kept: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    records: Sequence[LogRecord],
) -> dict[str, Any]:
    """The counts of runs behind a batch.

    Raises:
        LogIncompleteError: the log lacks events of a run.
    """
    counts = RunCounts(kept)
    counts.count(history)
    for record in records:
        if isinstance(record, RunMarker) and (reason := counts.close(record)) is not None:
            raise LogIncompleteError(CHANGES, partition, reason)
    return counts.kept()


class AuditWriter:
    """`ingestion_logs`, of one tenant or of all."""

    def __init__(self, mongo: Mongo, tenant_id: str | None) -> None:
        self._model = AuditModel(mongo)
        self._tenant_id = tenant_id

    async def write(
        self, generation: Generation, slices: Slices, _kept: Extras, session: Session, /
    ) -> Extras:
        """Insert what is not there; nothing is kept besides."""
        decoded, _ = await dead_letters.readable("", slices, decode_audit)
        wanted = {
            p: [audit for audit in some if self._tenant_id in (None, audit.tenant_id)]
            for p, some in decoded.items()
        }
        await self._model.write(generation, wanted, session)
        return {}


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
            VersionGapError, LogIncompleteError: the log lacks an event.
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
        kept = {partition: _kept(checkpoints[partition]) for partition in slices}
        extras = await self._writer.write(self.generation, slices, kept, session)
        moves = [
            replace(move, extra=extras.get(move.checkpoint.partition) or {})
            for move in moves_behind(slices, checkpoints)
        ]
        crash_points.reached("shadow_written")
        await self.checkpoints.advance(moves, session)
        return after(moves)
