"""Tickets that a crawl did not show, found in the sync agent's state."""

from datetime import timedelta
from typing import Any

import pytest

from domain.errors import LeaseLostError
from domain.sightings import Sightings, ticket_mark
from infra import collections
from infra.absences import Absences
from infra.mongo import Mongo, Session
from tests.domain.strategies import BEGIN

pytestmark = pytest.mark.services

DESK = "http://desk"


async def states(mongo: Mongo, *keys: str, **others: Any) -> None:
    """Live tickets that the helpdesk showed before the crawl, unless `others` say otherwise."""
    shown = {"version": 1, "gone_at": None, "source": DESK, "observed_at": BEGIN}
    await mongo[collections.TICKET_STATE].insert_many(
        [
            {"_id": key, "tenant_id": tenant, "external_id": id_, **shown, **others}
            for key in keys
            for tenant, _, id_ in [key.partition(":")]
        ]
    )


def shown(*keys: str) -> Sightings:
    """What a crawl was shown."""
    seen = Sightings()
    for key in keys:
        tenant, _, id_ = key.partition(":")
        seen.add(ticket_mark(tenant, id_))
    return seen


async def test_absent_is_what_this_helpdesk_showed_before_and_not_now(mongo: Mongo) -> None:
    began_at = BEGIN + timedelta(minutes=1)
    await states(mongo, "acme:1", "acme:2", "acme:3")
    await states(mongo, "acme:of-crm", source="crm")
    await states(mongo, "acme:gone", gone_at=BEGIN)
    await states(mongo, "acme:announced", version=0)
    await states(mongo, "acme:seen-since", observed_at=began_at)
    await states(mongo, "acme-2:1", "acm:9", "acmf:9", "acme:x:y")

    absent = await Absences(mongo).find("acme", DESK, shown("acme:2"), began_at)

    assert sorted(absent.ids) == ["1", "3", "x:y"]
    assert absent.live == 6


async def test_an_id_of_several_tenants_is_shared(mongo: Mongo) -> None:
    await states(mongo, "acme:1", "acme:2", "globex:2", "globex:3")

    assert await Absences(mongo).shared(["1", "2", "3", "4"]) == {"2"}


async def test_what_the_last_complete_run_missed_is_remembered(mongo: Mongo) -> None:
    absences = Absences(mongo)
    many = [f"T-{number}" for number in range(2_500)]

    await absences.record("acme", "run-1", many, ours)
    await absences.record("acme-2", "run-1", ["x"], ours)
    await absences.record("globex", "run-9", ["a:b"], ours)
    await absences.record("acme", "run-2", ["T-1", "T-new"], ours)
    both = await absences.of_run("acme", "run-1"), await absences.of_run("acme", "run-2")
    await absences.forget_others("acme", "run-2", ours)

    assert both == (set(many), {"T-1", "T-new"})
    assert await absences.of_run("acme", "run-1") == set()
    assert await absences.of_run("acme", "run-2") == {"T-1", "T-new"}
    assert await absences.of_run("acme-2", "run-1") == {"x"}
    assert await absences.of_run("globex", "run-9") == {"a:b"}
    assert await absences.of_run("acme", None) == set()


async def test_a_crawl_that_was_lost_remembers_and_forgets_nothing(mongo: Mongo) -> None:
    absences = Absences(mongo)
    await absences.record("acme", "run-1", ["T-1"], ours)

    with pytest.raises(LeaseLostError):
        await absences.record("acme", "run-2", ["T-2"], lost)
    with pytest.raises(LeaseLostError):
        await absences.forget_others("acme", "run-2", lost)

    assert await absences.of_run("acme", "run-1") == {"T-1"}
    assert await absences.of_run("acme", "run-2") == set()


async def ours(_: Session) -> None:
    """A fence that lets everything through."""


async def lost(_: Session) -> None:
    """A fence that lets nothing through."""
    raise LeaseLostError("run-2")
