"""A request reads one generation of the read models, whatever is swapped in meanwhile."""

import pytest

from api.scope import TenantScope
from domain.access import ANYBODY
from infra import collections
from infra.mongo import Mongo
from infra.read_models import TICKETS, Generation, activate
from tests.api.documents import change, ticket

pytestmark = pytest.mark.services


async def test_a_swap_in_the_middle_of_a_request_is_seen_by_the_next(mongo: Mongo) -> None:
    later = {name: f"{name}_g2" for name in TICKETS.models}
    for names, subject in ((dict(zip(later, later, strict=True)), "old"), (later, "new")):
        row = ticket("T-1", subject=subject)
        await mongo[names[collections.TICKETS]].insert_one(row)
        entry = change("T-1", 1) | {"job_id": subject}
        await mongo[names[collections.TICKET_HISTORY]].insert_one(entry)

    scope = TenantScope(mongo, ANYBODY.grant("acme"))
    first = await (await scope.tickets()).find_one({})
    async with await mongo.start_session() as session:
        await activate(mongo, TICKETS, Generation(2, later), [1], session)
    second = await (await scope.history()).find_one({})
    next_request = TenantScope(mongo, ANYBODY.grant("acme"))
    third = await (await next_request.history()).find_one({})

    assert first is not None
    assert second is not None
    assert third is not None
    assert (first["subject"], second["job_id"], third["job_id"]) == ("old", "old", "new")
