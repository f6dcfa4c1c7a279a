"""No reader ever sees a rebuild that an independent fold of the log does not confirm."""

from typing import Any

import pytest

from domain.rebuild_errors import ShadowUnsoundError
from infra.read_models import TICKETS, active_generation
from projections import ticket_models
from projections.rebuild import Order, Rebuilder
from projections.soundness import verified
from tests.faults import planted
from tests.projections.projected import Projected, log_of_tickets, projecting

pytestmark = pytest.mark.services


@pytest.fixture
async def applied(projected: Projected) -> Projected:
    """A log that was projected; no projector runs any more."""
    await projected.publish(log_of_tickets(projected.settings, 300))
    async with projecting(projected.settings):
        await projected.applied()
    return projected


async def live_after_an_unsound_rebuild(applied: Projected, monkeypatch: pytest.MonkeyPatch) -> int:
    """Rebuild by a fold with a bug that is new since the live models were made."""
    fold = ticket_models.TicketModels.write

    async def write(self: Any, generation: Any, folded: Any, session: Any) -> None:
        for document in folded.tickets.values():
            document["urgency"] = "low"
        await fold(self, generation, folded, session)

    monkeypatch.setattr(ticket_models.TicketModels, "write", write)
    check = verified(applied.settings, applied.mongo, applied.reader, applied.shown.append)
    order = Order(TICKETS, accept_differences=True, processes=1)
    with pytest.raises(ShadowUnsoundError, match="does not agree with an independent fold"):
        await applied.rebuilder().run(order, check, applied.named.append)
    return (await active_generation(applied.mongo, TICKETS)).number


async def test_an_unsound_rebuild_is_not_swapped_in_whatever_was_accepted(
    applied: Projected, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await applied.digests()

    assert await live_after_an_unsound_rebuild(applied, monkeypatch) == 1

    assert await applied.digests() == before


async def test_a_swap_before_the_check_is_found_out(
    applied: Projected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug `swap_before_verify`: the test before this one is red with it."""
    monkeypatch.setattr(Rebuilder, "run", Rebuilder.run)
    planted.BUGS["swap_before_verify"]()

    assert await live_after_an_unsound_rebuild(applied, monkeypatch) == 2


async def test_a_sound_rebuild_is_confirmed(applied: Projected) -> None:
    check = verified(applied.settings, applied.mongo, applied.reader, applied.shown.append)

    swapped = await applied.rebuilder().run(
        Order(TICKETS, processes=1), check, applied.named.append
    )

    assert swapped.number == 2
    verifying = [one for one in applied.shown if one.phase == "verifying"]
    assert verifying[-1].done == verifying[-1].total == 300
