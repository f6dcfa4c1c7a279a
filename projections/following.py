"""A shadow behind the live generation: brought near, then, behind a fence, to the same offsets."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar

import structlog
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from domain.errors import DeskstreamError
from domain.rebuild_errors import NothingToRebuildError, RebuildGoneError
from infra import collections
from infra.backoff import Backoff
from infra.kafka import Record
from infra.log_reader import LogReader
from infra.mongo import Mongo, Session, transaction
from infra.read_models import Generation, Projection, active_generation
from projections.shadow import Shadow

log = structlog.get_logger()

T = TypeVar("T")

_NEAR: Final = 250
_MOST_BEHIND_A_FENCE: Final = 1_000
_CHUNK: Final = 2_000


class FarBehindError(DeskstreamError):
    """The live generation is further ahead than one short transaction can make up for."""

    def __init__(self, consumer: str) -> None:
        super().__init__(f"the live generation of {consumer} is far ahead")


class Follower:
    """Moves a shadow to where the live generation stands."""

    def __init__(self, mongo: Mongo, reader: LogReader, shadow: Shadow) -> None:
        self._mongo = mongo
        self._reader = reader
        self._shadow = shadow
        self._projection = shadow.projection

    async def follow(self, session: Session) -> None:
        """Bring the shadow near to where the live generation stands: the last step is fenced."""
        backoff = Backoff()
        while True:
            try:
                slices = await self._missing(await live_positions(self._mongo, self._projection))
                if sum(map(len, slices.values())) <= _NEAR:
                    return
                checkpoints = await self._shadow.checkpoints.load(slices)
                await self._shadow.advance(slices, checkpoints, session)
            except (PyMongoError, KafkaError) as error:
                log.info("following_delayed", reason=repr(error))
                await backoff.sleep()
            else:
                backoff.reset()

    async def fenced(self, session: Session, work: Callable[[Session], Awaitable[T]]) -> T:
        """The result of `work`, which fences the live generation; it may be done more than once."""
        backoff = Backoff()
        while True:
            await self.follow(session)
            try:
                async with transaction(session):
                    result = await work(session)
            except FarBehindError:
                continue
            except (PyMongoError, KafkaError) as error:
                # A projector committed meanwhile, or nobody knows whether this one did.
                log.info("fence_tried_again", reason=repr(error))
                await backoff.sleep()
            else:
                return result

    async def fence(self, session: Session) -> Generation:
        """In a transaction: hold live projectors up, and bring the shadow to where they stand.

        Raises:
            FarBehindError: they are too far ahead for that.
        """
        live = await active_generation(self._mongo, self._projection, session)
        positions = await live_positions(self._mongo, self._projection, session)
        await self._mongo[collections.CHECKPOINTS].update_many(
            generation_identity(self._projection, live.number),
            {"$inc": {"fenced": 1}},
            session=session,
        )
        await self._catch_up(positions, session)
        return live

    async def _catch_up(self, positions: Mapping[int, int], session: Session) -> None:
        slices = await self._missing(positions, session)
        if sum(map(len, slices.values())) > _MOST_BEHIND_A_FENCE:
            raise FarBehindError(self._projection.consumer)
        checkpoints = await self._shadow.checkpoints.load(slices, session)
        await self._shadow.advance_within(slices, checkpoints, session)

    async def _missing(
        self, live: Mapping[int, int], session: Session | None = None
    ) -> dict[int, Sequence[Record]]:
        """What each partition of the shadow lacks, at most about a chunk of it."""
        checkpoints = await self._shadow.checkpoints.load(live, session)
        missing = {}
        for partition, end in live.items():
            if partition not in checkpoints:
                raise RebuildGoneError(self._projection.consumer)
            position = checkpoints[partition].next_offset
            if position < end:
                topic = self._projection.topic
                found, _ = await self._reader.read(topic, partition, position, end, limit=_CHUNK)
                missing[partition] = found
        return {partition: found for partition, found in missing.items() if found}


async def live_positions(
    mongo: Mongo, projection: Projection, session: Session | None = None
) -> dict[int, int]:
    """Where the live generation stands: the next offset of each partition.

    Raises:
        NothingToRebuildError: it has no checkpoints.
    """
    live = await active_generation(mongo, projection, session)
    found = mongo[collections.CHECKPOINTS].find(
        generation_identity(projection, live.number), session=session
    )
    positions = {document["partition"]: document["next_offset"] async for document in found}
    if not positions:
        raise NothingToRebuildError(projection.consumer)
    return positions


def generation_identity(projection: Projection, number: int) -> dict[str, object]:
    """The members that all checkpoints of a generation share."""
    return {"consumer": projection.consumer, "topic": projection.topic, "generation": number}
