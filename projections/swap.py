"""Putting a shadow in the place of the live generation: one transaction, which fences the live."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from domain.digests import Digest
from domain.rebuild_errors import DigestsDifferError
from infra import collections, crash_points
from infra.digests import KeptDigests
from infra.mongo import Mongo, Session
from infra.read_models import (
    TICKETS,
    activate,
    active_generation,
    kept_generations,
)
from infra.rebuilds import Rebuild, Rebuilds
from projections.following import Follower, generation_identity
from projections.shadow import Shadow

Shares = Mapping[tuple[str, str], Digest]


class Swapped(NamedTuple):
    """The digests that are live now, by tenant and model, and whose were others before."""

    number: int
    digests: Shares
    differing: Sequence[tuple[str, str]]


class Swap:
    """Puts a shadow in the place of the live generation once both stand at the same offsets."""

    def __init__(
        self, mongo: Mongo, follower: Follower, shadow: Shadow, rebuild: Rebuild | None
    ) -> None:
        self._mongo = mongo
        self._follower = follower
        self._shadow = shadow
        self._rebuild = rebuild
        self._projection = shadow.projection
        self._digests = KeptDigests(mongo)

    async def perform(self, session: Session, *, accept_differences: bool) -> Swapped:
        """Swap.

        Raises:
            DigestsDifferError: the live documents have other digests; nothing was swapped.
            VersionGapError: the log lacks an event.
        """

        async def swap(session: Session) -> Swapped:
            if await self._is_live():
                # The commit before, of which nobody knew, did happen.
                return Swapped(number, (await self._compare(number, session))[1], ())
            return await self._within(session, accept_differences)

        number = self._shadow.generation.number
        swapped = await self._follower.fenced(session, swap)
        crash_points.reached("swapped")
        return swapped

    async def differing(self, session: Session) -> Sequence[tuple[str, str]]:
        """Whose live digests, by tenant and model, are not those of the shadow."""

        async def compare(session: Session) -> Sequence[tuple[str, str]]:
            live = await self._follower.fence(session)
            differing, _ = await self._compare(live.number, session)
            return differing

        return await self._follower.fenced(session, compare)

    async def _within(self, session: Session, accept_differences: bool) -> Swapped:
        number = self._shadow.generation.number
        live = await self._follower.fence(session)
        # Once this commits, live projectors are fenced off, and take up the new generation.
        await self._retire(live.number, number, session)
        differing, digests = await self._compare(live.number, session)
        if differing and not accept_differences:
            raise DigestsDifferError(differing)
        if self._projection == TICKETS:
            # All that the log holds is applied in the new generation: nothing waits any more.
            await self._mongo[collections.PARKED].delete_many({}, session=session)
        kept = await kept_generations(self._mongo, self._projection, session)
        kept = [k for k in kept if k != number] + [live.number]
        await activate(self._mongo, self._projection, self._shadow.generation, kept, session)
        if self._rebuild is not None:
            await Rebuilds(self._mongo).close(self._rebuild, session)
        crash_points.reached("mid_swap")
        return Swapped(number, digests, differing)

    async def _retire(self, number: int, successor: int, session: Session) -> None:
        checkpoints = self._mongo[collections.CHECKPOINTS]
        retired, revived = (
            generation_identity(self._projection, number),
            generation_identity(self._projection, successor),
        )
        await checkpoints.update_many(retired, {"$set": {"retired": successor}}, session=session)
        await checkpoints.update_many(revived, {"$set": {"retired": None}}, session=session)

    async def _compare(
        self, live: int, session: Session
    ) -> tuple[Sequence[tuple[str, str]], Shares]:
        models = self._projection.models
        before = await self._digests.read(dict.fromkeys(models, live), session=session)
        shadow = dict.fromkeys(models, self._shadow.generation.number)
        now = await self._digests.read(shadow, session=session)
        differing = [p for p in sorted({*before, *now}) if before.get(p) != now.get(p)]
        return differing, now

    async def _is_live(self) -> bool:
        live = await active_generation(self._mongo, self._projection)
        return live.number == self._shadow.generation.number
