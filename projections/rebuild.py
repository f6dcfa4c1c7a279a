"""Rebuilding a projection's read models from the log, beside the live ones, then swapping them."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from domain.rebuild_errors import LogIncompleteError
from infra import crash_points
from infra.lag import live_seconds
from infra.log_reader import LogReader
from infra.mongo import Mongo, Session
from infra.owners import Owners
from infra.read_models import Projection
from infra.rebuilds import LEASE_SECONDS, Rebuild, Rebuilds, index_generation
from infra.settings import Settings
from projections import bulk
from projections.following import Follower, live_positions
from projections.repair import Found, Repair
from projections.roll_up_merging import merging
from projections.shadow import Shadow
from projections.swap import Swap, Swapped

_TURN_SECONDS: Final = 0.5


class Progress(NamedTuple):
    """How far a rebuild is: of `total` events of the log `done` are folded."""

    consumer: str
    phase: str
    done: int
    total: int
    is_paused: bool = False


class Order(NamedTuple):
    """What is wanted.  `longest_lag`: seconds that live projectors may fall behind meanwhile."""

    projection: Projection
    accept_differences: bool = False
    processes: int = 0
    batch: int = bulk.BATCH
    longest_lag: float = 2.0


class _Built(NamedTuple):
    rebuild: Rebuild
    shadow: Shadow
    follower: Follower
    session: Session


View = Callable[[Progress], None]
Check = Callable[[Shadow], Awaitable[None]]


class Rebuilder:
    """Builds a shadow generation, has it checked, and puts it in the place of the live one."""

    def __init__(self, settings: Settings, mongo: Mongo, reader: LogReader, view: View) -> None:
        self._settings = settings
        self._mongo = mongo
        self._reader = reader
        self._view = view
        self._rebuilds = Rebuilds(mongo)

    async def run(self, order: Order, check: Check, found: Found) -> Swapped:
        """Rebuild and swap.  Cancelled, it leaves no trace; killed, it is resumed by the next run.

        `check` looks at the finished shadow, and raises if it must not be swapped in; `found` is
        told of each document that is another than the live one.

        Raises:
            LogIncompleteError, VersionGapError: the log lacks something.
            RebuildOnError, RebuildDiffersError: there is another rebuild.
            DigestsDifferError: the live models are others, and that was not accepted.
        """
        async with self._built(order, None) as built:
            await check(built.shadow)
            crash_points.reached("rebuild_checked")
            swap = Swap(self._mongo, built.follower, built.shadow, built.rebuild)
            if await swap.differing(built.session):
                repair = Repair(self._mongo, built.follower, built.shadow)
                await repair.name(built.session, found)
            accepted = order.accept_differences
            return await swap.perform(built.session, accept_differences=accepted)

    async def repair(self, order: Order, tenant_id: str, found: Found) -> int:
        """Rebuild what one tenant has, and repair what differs in the live models.

        Returns how many documents did; `found` is told of each.

        Raises:
            LogIncompleteError, VersionGapError: the log lacks something.
            RebuildOnError, RebuildDiffersError: there is another rebuild.
        """
        async with self._built(order, tenant_id) as built:
            repair = Repair(self._mongo, built.follower, built.shadow)
            count = await repair.perform(built.session, tenant_id, found)
            await self._rebuilds.discard(order.projection, built.shadow.generation.number)
            return count

    @asynccontextmanager
    async def _built(self, order: Order, tenant_id: str | None) -> AsyncIterator[_Built]:
        """A shadow that stands where the live generation does."""
        projection = order.projection
        stops = await self._complete(projection)
        rebuild = await self._begin(projection, tenant_id)
        async with self._held(rebuild), await self._mongo.start_session() as session:
            # One that died may have left a transaction open, which would hold projectors up.
            await Owners(self._mongo).take([f"rebuild:{projection.consumer}"], session)
            shadow = Shadow(self._mongo, projection, rebuild.generation, tenant_id)
            await shadow.checkpoints.create(dict.fromkeys(stops, 0))
            crash_points.reached("rebuild_begun")
            await self._build(order, rebuild, shadow, stops)
            await self._show("indexing", shadow, stops)
            await index_generation(self._mongo, rebuild.generation)
            follower = Follower(self._mongo, self._reader, shadow)
            await follower.follow(session)
            await self._show("checking", shadow, stops)
            yield _Built(rebuild, shadow, follower, session)

    async def _begin(self, projection: Projection, tenant_id: str | None) -> Rebuild:
        owner = _myself()
        try:
            return await self._rebuilds.begin(projection, tenant_id, owner)
        except asyncio.CancelledError:
            await asyncio.shield(self._rebuilds.abandon(projection, owner))
            raise

    async def _show(self, phase: str, shadow: Shadow, stops: Mapping[int, int]) -> None:
        done, total = await self._done(shadow, stops)
        self._view(Progress(shadow.projection.consumer, phase, done, total))

    async def _complete(self, projection: Projection) -> dict[int, int]:
        """Where the live generation stands, if the log still begins at its beginning.

        Raises:
            LogIncompleteError: its head was cut, or it ends before what was read of it.
        """
        live = await live_positions(self._mongo, projection)
        bounds = await self._reader.bounds(projection.topic, list(live))
        for partition, (start, end) in bounds.items():
            if start:
                reason = f"it begins at offset {start}: what stood before is gone"
                raise LogIncompleteError(projection.topic, partition, reason)
            if end < live[partition]:
                reason = f"it ends at offset {end}, but was read up to {live[partition]}"
                raise LogIncompleteError(projection.topic, partition, reason)
        return live

    async def _build(
        self, order: Order, rebuild: Rebuild, shadow: Shadow, stops: Mapping[int, int]
    ) -> None:
        count = order.processes or os.cpu_count() or 1
        shares = bulk.shares(self._settings, rebuild, stops, count, order.batch)
        async with bulk.folding(shares) as folding, merging(self._mongo, rebuild.generation):
            while True:
                done, total = await self._done(shadow, stops)
                lag = await live_seconds(self._mongo, self._reader, order.projection)
                paused = lag > order.longest_lag
                await self._rebuilds.pause(rebuild, paused=paused)
                self._view(Progress(order.projection.consumer, "folding", done, total, paused))
                finished, waiting = await asyncio.wait(folding, timeout=_TURN_SECONDS)
                for fold in finished:
                    fold.result()
                if not waiting:
                    return

    async def _done(self, shadow: Shadow, stops: Mapping[int, int]) -> tuple[int, int]:
        reached = await shadow.checkpoints.load(stops)
        done = sum(min(reached[p].next_offset, stop) for p, stop in stops.items())
        return done, sum(stops.values())

    @asynccontextmanager
    async def _held(self, rebuild: Rebuild) -> AsyncIterator[None]:
        """Keep the rebuild's lease; undo it all when cancelled, keep what there is otherwise."""
        beating = asyncio.create_task(self._beat(rebuild))
        projection = rebuild.projection
        try:
            yield
        except asyncio.CancelledError:
            await asyncio.shield(self._rebuilds.discard(projection, rebuild.generation.number))
            raise
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            await self._rebuilds.let_go(projection, rebuild.owner)

    async def _beat(self, rebuild: Rebuild) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 4)
            await self._rebuilds.renew(rebuild)


def _myself() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
