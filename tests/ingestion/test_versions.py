"""Which of two versions is the newer one: decided on instants, however they are written down."""

from typing import Any

import pytest

from dev.helpdesk.faults import TouchedRows
from tests.ingestion.desk import Desk, reconciled, ticket_row
from tests.integration.pipeline import eventually, observed, tenant

pytestmark = [pytest.mark.services, pytest.mark.asyncio(loop_scope="session")]

# Newer, then older: as texts most of them compare the other way round.
PAIRS = {
    "west": ("2026-11-21T00:00:00-05:00", "2026-11-21T04:59:59Z"),
    "east": ("2026-11-21T05:00:00Z", "2026-11-21T06:59:59+02:00"),
    "no-zone": ("2026-11-21T05:00:00", "2026-11-21T06:59:59.999+02:00"),
    "older-without-zone": ("2026-11-21T00:00:00.001-05:00", "2026-11-21T05:00:00"),
    "fractions": ("2026-11-21T05:00:00.25Z", "2026-11-21T05:00:00.249999+00:00"),
    "fraction-and-zone": ("2026-11-21T07:00:00.1+02:00", "2026-11-21T05:00:00.099Z"),
}
# The same instants in another notation.
SAME = {
    "west": "2026-11-21T05:00:00Z",
    "east": "2026-11-21T07:00:00+02:00",
    "no-zone": "2026-11-21T00:00:00-05:00",
    "older-without-zone": "2026-11-21T05:00:00.001",
    "fractions": "2026-11-21T05:00:00.250999Z",
    "fraction-and-zone": "2026-11-21T05:00:00.100Z",
}


async def test_a_crawl_that_shows_an_older_version_changes_nothing(desk: Desk) -> None:
    who = tenant()
    rows = [ticket_row(who, id_, updated_at=newer) for id_, (newer, _) in PAIRS.items()]
    desk.helpdesk.insert(*rows)
    await desk.ingest(who)
    before = await desk.tickets(who)
    for id_, (_, older) in PAIRS.items():
        desk.helpdesk.update(who, id_, subject="An old subject", updated_at=older)

    audit = await desk.ingest(who)

    assert (audit["stale"], audit["updated"]) == (len(PAIRS), 0)
    assert reconciled(audit)
    assert await desk.tickets(who) == before
    assert [await _actions(desk, who, id_) for id_ in PAIRS] == [["created"]] * len(PAIRS)


async def test_a_crawl_that_shows_a_newer_version_changes_the_ticket(desk: Desk) -> None:
    who = tenant()
    rows = [ticket_row(who, id_, updated_at=older) for id_, (_, older) in PAIRS.items()]
    desk.helpdesk.insert(*rows)
    await desk.ingest(who)
    for id_, (newer, _) in PAIRS.items():
        desk.helpdesk.update(who, id_, subject="A new subject", updated_at=newer)

    audit = await desk.ingest(who)

    assert (audit["stale"], audit["updated"]) == (0, len(PAIRS))
    assert reconciled(audit)
    assert {t["subject"] for t in (await desk.tickets(who)).values()} == {"A new subject"}


async def test_another_notation_of_the_same_instant_is_no_change(desk: Desk) -> None:
    who = tenant()
    rows = [ticket_row(who, id_, updated_at=newer) for id_, (newer, _) in PAIRS.items()]
    desk.helpdesk.insert(*rows)
    await desk.ingest(who)
    for id_, notation in SAME.items():
        desk.helpdesk.touch(who, id_, notation)

    audit = await desk.ingest(who)

    assert (audit["unchanged"], audit["stale"], audit["updated"]) == (len(PAIRS), 0, 0)
    shown = await desk.tickets(who)
    assert [shown[id_]["version"] for id_ in SAME] == [1] * len(SAME)


async def test_an_old_version_that_crawls_insist_on_is_believed(desk: Desk) -> None:
    who = tenant()
    desk.helpdesk.insert(ticket_row(who, "T-1", updated_at="2026-11-21T00:00:00-05:00"))
    await desk.ingest(who)
    desk.helpdesk.update(who, "T-1", subject="Put back", updated_at="2026-11-21T04:00:00Z")

    audits = [await desk.ingest(who) for _ in range(3)]

    assert [(a["stale"], a["updated"], a["unchanged"]) for a in audits] == [
        (1, 0, 0),
        (0, 1, 0),
        (0, 0, 1),
    ]
    assert (await desk.history(who, "T-1"))[-1]["detected_by"] == "source_insists"


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("partitions", [(0, 0), (1, 2)], ids=["in order", "across partitions"])
async def test_an_older_record_of_an_upstream_system_changes_nothing(
    desk: Desk, pair: str, partitions: tuple[int, int]
) -> None:
    who = tenant()
    newer, older = (observed(who, subject=at, updated_at=at) for at in PAIRS[pair])
    await desk.pipeline.produce(newer, partition=partitions[0])
    await _shown(desk, who, "T-1")

    await desk.pipeline.produce(older, partition=partitions[1])
    await desk.pipeline.produce(observed(who, "T-2"), partition=partitions[1])

    await _shown(desk, who, "T-2")
    assert (await _shown(desk, who, "T-1"))["subject"] == PAIRS[pair][0]
    assert await _actions(desk, who, "T-1") == ["created"]


async def test_an_older_record_after_a_crawl_changes_nothing(desk: Desk) -> None:
    who = tenant()
    desk.helpdesk.insert(ticket_row(who, "T-1", updated_at="2026-11-21T00:00:00-05:00"))
    await desk.ingest(who)

    await desk.pipeline.produce(
        observed(who, subject="old", updated_at="2026-11-21T06:59:59+02:00"), partition=0
    )
    await desk.pipeline.produce(observed(who, "T-2"), partition=0)

    await _shown(desk, who, "T-2")
    assert (await _shown(desk, who, "T-1"))["subject"] == "Where is my invoice?"
    assert await _actions(desk, who, "T-1") == ["created"]


async def test_updated_at_that_jumps_without_content_is_no_event(desk: Desk) -> None:
    who = tenant()
    desk.helpdesk.insert(*(ticket_row(who, f"T-{n}") for n in range(3)), position=0)
    await desk.ingest(who)
    before = await desk.tickets(who)

    for seconds in (7_200.0, -10_800.0, 1_800.0):
        desk.helpdesk.remove_faults()
        desk.helpdesk.install_faults([TouchedRows(rows=3, page=1, seconds=seconds)])
        audit = await desk.ingest(who)
        assert (audit["unchanged"] + audit["stale"], audit["updated"]) == (3, 0)

    assert [await _actions(desk, who, f"T-{n}") for n in range(3)] == [["created"]] * 3
    versions = {id_: (t["version"], t["changed_at"]) for id_, t in before.items()}
    after = await desk.tickets(who)
    assert {id_: (t["version"], t["changed_at"]) for id_, t in after.items()} == versions


async def test_a_jump_ahead_does_not_hide_a_change_that_is_stamped_before_it(desk: Desk) -> None:
    who = tenant()
    desk.helpdesk.insert(ticket_row(who, "T-1", updated_at="2026-11-21T10:00:00Z"))
    await desk.ingest(who)
    desk.helpdesk.touch(who, "T-1", "2026-11-21T20:00:00Z")
    await desk.ingest(who)
    desk.helpdesk.update(who, "T-1", status="resolved", updated_at="2026-11-21T15:00:00Z")

    audit = await desk.ingest(who)

    assert (audit["updated"], audit["stale"]) == (1, 0)
    assert (await _shown(desk, who, "T-1"))["status"] == "resolved"


async def _shown(desk: Desk, tenant_id: str, ticket_id: str) -> dict[str, Any]:
    """The ticket once it can be read."""
    found: dict[str, Any] = await eventually(
        lambda: desk.ticket(tenant_id, ticket_id), lambda t: t is not None
    )
    assert found is not None
    return found


async def _actions(desk: Desk, tenant_id: str, ticket_id: str) -> list[str]:
    return [entry["action"] for entry in await desk.history(tenant_id, ticket_id)]
