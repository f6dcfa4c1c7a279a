"""Where the live read models differ from a shadow: named, and repaired for one tenant."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from pymongo import DeleteOne, ReplaceOne

from infra import collections, crash_points
from infra.digests import KeptDigests
from infra.mongo import Document, Mongo, Session
from infra.read_models import Generation, active_generation
from projections.divergence import Divergence, confirmed, divergences
from projections.following import Follower
from projections.roll_up_repair import take_over_roll_ups
from projections.shadow import Shadow

Found = Callable[[Divergence], None]

_BATCH: Final = 200


class Repair:
    """Compares batches of documents of both while projectors are fenced off."""

    def __init__(self, mongo: Mongo, follower: Follower, shadow: Shadow) -> None:
        self._mongo = mongo
        self._shadow = shadow
        self._follower = follower
        self._digests = KeptDigests(mongo)

    async def name(self, session: Session, found: Found) -> int:
        """Tell `found` of each live document that differs; return how many do."""
        return await self._compare(session, None, found, is_repaired=False)

    async def perform(self, session: Session, tenant_id: str, found: Found) -> int:
        """The same for a tenant, and put the document of the shadow in the place of each."""
        count = await self._compare(session, tenant_id, found, is_repaired=True)

        async def settle(session: Session) -> None:
            await self._settle(tenant_id, session)

        await self._follower.fenced(session, settle)
        return count

    async def _compare(
        self, session: Session, tenant_id: str | None, found: Found, *, is_repaired: bool
    ) -> int:
        count = 0
        live = await active_generation(self._mongo, self._shadow.projection)
        candidates = divergences(self._mongo, live, self._shadow.generation, tenant_id)
        batch: list[Divergence] = []
        async for one in candidates:
            batch.append(one)
            if len(batch) == _BATCH:
                count += await self._confirm(batch, session, found, is_repaired)
                batch = []
        return count + await self._confirm(batch, session, found, is_repaired)

    async def _confirm(
        self, batch: Sequence[Divergence], session: Session, found: Found, is_repaired: bool
    ) -> int:
        """What differed without a fence may have been a moment's difference."""

        async def compare(session: Session) -> list[tuple[Divergence, Document | None]]:
            live = await self._follower.fence(session)
            both = (live, self._shadow.generation)
            differing = await confirmed(self._mongo, both, batch, session)
            if is_repaired:
                await self._write(live, differing, session)
            return differing

        differing = await self._follower.fenced(session, compare) if batch else []
        for one, _ in differing:
            found(one)
        return len(differing)

    async def _write(
        self,
        live: Generation,
        differing: Iterable[tuple[Divergence, Document | None]],
        session: Session,
    ) -> None:
        for model, name in live.names.items():
            mine = [(one.id, built) for one, built in differing if one.model == model]
            # All leave first: a unique index would see the old and the new one at once.
            writes: list[Any] = [DeleteOne({"_id": id_}) for id_, _ in mine]
            writes += [ReplaceOne({"_id": i}, b, upsert=True) for i, b in mine if b is not None]
            if writes:
                await self._mongo[name].bulk_write(writes, ordered=True, session=session)

    async def _settle(self, tenant_id: str, session: Session) -> None:
        """Take over the digests of the shadow, and let parked events of the tenant go."""
        live = await self._follower.fence(session)
        number, models = self._shadow.generation.number, self._shadow.projection.models
        await self._digests.take_over(number, live.number, models, tenant_id, session)
        await take_over_roll_ups(self._mongo, self._shadow.generation, live, tenant_id, session)
        await self._mongo[collections.PARKED].delete_many({"tenant_id": tenant_id}, session=session)
        crash_points.reached("tenant_repaired")
