"""One tenant's roll-ups replaced by those of a shadow, which stands at the same offsets."""

from typing import Final

from infra.mongo import Mongo, Session
from infra.read_models import Generation
from projections.divergence import of_tenant

_BATCH: Final = 200


async def take_over_roll_ups(
    mongo: Mongo, built: Generation, live: Generation, tenant_id: str, session: Session
) -> None:
    """Give the live generation what the shadow has of a tenant, in the caller's transaction."""
    if built.roll_ups is None or live.roll_ups is None:
        return
    wanted = of_tenant(built.roll_ups, tenant_id)
    roll_ups = mongo[live.roll_ups]
    await roll_ups.delete_many(wanted, session=session)
    taken = mongo[built.roll_ups].find(wanted, session=session, batch_size=_BATCH)
    while some := await taken.to_list(_BATCH):
        await roll_ups.insert_many(some, ordered=False, session=session)
