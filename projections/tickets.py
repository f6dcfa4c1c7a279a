"""The projector of `tickets`, `ticket_history` and run counters: one consumer, one transaction."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import structlog
from pymongo.errors import PyMongoError

from domain.events import RunMarker, decode
from domain.topics import CHANGES
from infra import collections, crash_points, dead_letters
from infra.checkpoints import Checkpoint, after, moves_behind
from infra.erased_letters import erase_letters
from infra.kafka import Record
from infra.mongo import Mongo, Session, insert_missing, transaction
from infra.owners import Owners
from infra.publisher import Publisher
from infra.read_models import ProjectionCheckpoints
from infra.settlement import Settlement
from projections.parking import Parking
from projections.ticket_models import TicketModels, keys_of

log = structlog.get_logger()


class TicketsStep:
    """Documents and checkpoint change in one transaction, fenced by the checkpoint."""

    def __init__(
        self,
        mongo: Mongo,
        checkpoints: ProjectionCheckpoints,
        publisher: Publisher,
        settlement: Settlement,
        partitions: int,
    ) -> None:
        self._mongo = mongo
        self._models = TicketModels(mongo)
        self._checkpoints = checkpoints
        self._publisher = publisher
        self._settlement = settlement
        self._partitions = partitions
        self._parking = Parking(mongo)
        self._owners = Owners(mongo)

    async def open(self, partitions: Iterable[int]) -> dict[int, Checkpoint]:
        """The checkpoints, with a predecessor's open transaction ended."""
        return await self._owners.open(self._checkpoints, partitions)

    async def taken(self, checkpoints: Mapping[int, Checkpoint]) -> set[int]:
        """Those that another session owns."""
        return await self._owners.taken(checkpoints)

    async def advance(
        self, slices: Mapping[int, Sequence[Record]], checkpoints: Mapping[int, Checkpoint]
    ) -> dict[int, Checkpoint]:
        """Project, commit, and close the runs that are applied now."""
        decoded, refused = await dead_letters.readable(CHANGES, slices, decode)
        await dead_letters.send(self._publisher, refused, self._partitions)
        moves = moves_behind(slices, checkpoints)
        keys = keys_of(decoded)
        markers = [m for records in decoded.values() for m in records if isinstance(m, RunMarker)]
        async with transaction(await self._owners.session()) as session:
            generation = await self._checkpoints.active(session)
            parked = await self._parking.parked(keys, session)
            fold = await self._models.fold(generation, decoded, keys, parked, session)
            crash_points.reached("projector_folded")
            await self._models.write(generation, fold, session)
            await self._parking.park(fold, session)
            if fold.erased:
                await erase_letters(self._mongo, fold.erased, session)
            await self._settle(markers, session)
            crash_points.reached("projector_written")
            await self._checkpoints.advance(moves, session)
            crash_points.reached("projector_before_commit")
        crash_points.reached("projector_committed")
        await self._close({marker.job_id for marker in markers})
        return after(moves)

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
        await insert_missing(self._mongo[collections.RUN_SETTLED], list(rows.values()), session)

    async def _close(self, job_ids: Iterable[str]) -> None:
        try:
            await self._settlement.close(job_ids)
        except PyMongoError as error:
            # The documents are committed; every worker closes applied jobs once a second.
            log.warning("run_not_closed", reason=repr(error))
