"""What a complete crawl deletes, and all that no crawl ever deletes."""

import pytest

from dev.helpdesk.faults import (
    EmptyPage,
    MovedRows,
    OmittedRows,
    Refusal,
    RemovedRows,
    WrongTotal,
)
from tests.ingestion.desk import Desk, reconciled, ticket_row
from tests.integration.pipeline import eventually, observed, tenant

pytestmark = [pytest.mark.services, pytest.mark.asyncio(loop_scope="session")]

NO_LIST = Refusal(status=404, route="deleted", times=None)


async def populated(desk: Desk, tickets: int = 8, *, position: int | None = None) -> str:
    """A new tenant with so many tickets, `T-<tenant>-<number>`, all ingested."""
    who = tenant()
    rows = [ticket_row(who, ticket_id(who, number)) for number in range(tickets)]
    desk.helpdesk.insert(*rows, position=position)
    audit = await desk.ingest(who)
    assert (audit["status"], audit["new_ingested"], audit["deleted"]) == ("SUCCESS", tickets, 0)
    desk.helpdesk.forget_requests()
    return who


def ticket_id(who: str, number: int) -> str:
    """The id of one of the tickets that `populated` makes."""
    return f"T-{who}-{number}"


async def live(desk: Desk, who: str) -> set[str]:
    """The ids of the tenant's live tickets, as readers see them."""
    return set(await desk.tickets(who))


async def actions(desk: Desk, who: str, id_: str) -> list[str]:
    """What happened to a ticket, oldest first."""
    return [entry["action"] for entry in await desk.history(who, id_)]


async def test_a_removed_ticket_is_deleted_once_and_restored_when_put_back(desk: Desk) -> None:
    who = await populated(desk)
    first, second = ticket_id(who, 0), ticket_id(who, 1)
    desk.helpdesk.remove(who, first, second)

    gone, again = await desk.ingest(who), await desk.ingest(who)
    left = await desk.tickets(who)
    stats = (await desk.apis[0].get(f"/tenants/{who}/stats")).json()
    desk.helpdesk.restore(who, first)
    back = await desk.ingest(who)

    assert [a["deleted"] for a in (gone, again, back)] == [2, 0, 0]
    assert [a["status"] for a in (gone, again, back)] == ["SUCCESS"] * 3
    assert (back["restored"], reconciled(back)) == (1, True)
    assert left.keys().isdisjoint({first, second})
    assert stats["total_tickets"] == len(left) == 6
    assert await actions(desk, who, first) == ["created", "deleted", "restored"]
    assert await actions(desk, who, second) == ["created", "deleted"]
    assert await desk.ticket(who, second) is None
    assert (await desk.history(who, second))[1]["job_id"] == gone["job_id"]
    assert await live(desk, who) == {ticket_id(who, n) for n in range(8)} - {second}


async def test_without_a_list_details_decide(desk: Desk) -> None:
    who = await populated(desk)
    hidden, removed = ticket_id(who, 0), ticket_id(who, 1)
    desk.helpdesk.remove(who, removed)
    # What the helpdesk counts it shows, or no crawl is complete.
    hiding = OmittedRows(ids=[hidden], times=None)
    desk.helpdesk.install_faults([NO_LIST, hiding, WrongTotal(by=-1, times=None)])

    audits = [await desk.ingest(who) for _ in range(2)]

    assert [(a["status"], a["deleted"]) for a in audits] == [("SUCCESS", 1), ("SUCCESS", 0)]
    assert await actions(desk, who, removed) == ["created", "deleted"]
    assert await actions(desk, who, hidden) == ["created"], "its detail says that it lives"


async def test_what_is_absent_but_not_listed_as_deleted_stays(desk: Desk) -> None:
    who = await populated(desk)
    desk.helpdesk.remove(who, ticket_id(who, 0), listed=False)

    audits = [await desk.ingest(who) for _ in range(3)]

    assert [(a["status"], a["deleted"]) for a in audits] == [("SUCCESS", 0)] * 3
    assert ticket_id(who, 0) in await live(desk, who)


async def test_an_id_of_two_tenants_needs_two_absences_in_a_row(desk: Desk) -> None:
    who, other = await populated(desk), await populated(desk)
    shared = ticket_id(who, 0)
    desk.helpdesk.insert(ticket_row(other, shared))
    assert (await desk.ingest(other))["new_ingested"] == 1
    desk.helpdesk.remove(who, shared)
    absent = await desk.ingest(who)
    desk.helpdesk.restore(who, shared)
    present = await desk.ingest(who)
    desk.helpdesk.remove(who, shared)

    later = [await desk.ingest(who) for _ in range(3)]
    of_other = await desk.ingest(other)

    assert [a["deleted"] for a in (absent, present, *later, of_other)] == [0, 0, 0, 1, 0, 0]
    assert await actions(desk, who, shared) == ["created", "deleted"]
    assert await actions(desk, other, shared) == ["created"]


async def test_half_a_tenant_is_not_believed_to_be_gone_until_confirmed(desk: Desk) -> None:
    who = await populated(desk, 40)
    half = [ticket_id(who, number) for number in range(20)]
    desk.helpdesk.remove(who, *half)

    refused, again = await desk.ingest(who), await desk.ingest(who)
    before = await live(desk, who)
    confirmed = await desk.ingest(who, confirm_deletions="true")

    for audit in (refused, again):
        assert (audit["status"], audit["deleted"]) == ("PARTIAL_SUCCESS", 0)
        assert audit["errors"][0].startswith(f"20 of 40 live tickets of {who} are gone from the")
    assert len(before) == 40
    assert (confirmed["status"], confirmed["deleted"]) == ("SUCCESS", 20)
    assert await live(desk, who) == {ticket_id(who, n) for n in range(20, 40)}


async def test_a_tenant_that_vanished_from_a_helpdesk_without_list_stays(desk: Desk) -> None:
    """Not even the thirty whose details could be asked for are deleted."""
    who = await populated(desk, 20)
    desk.helpdesk.remove(who, *(ticket_id(who, number) for number in range(20)))
    desk.helpdesk.install_faults([NO_LIST])

    audits = [await desk.ingest(who) for _ in range(2)]

    assert [(a["status"], a["deleted"]) for a in audits] == [("PARTIAL_SUCCESS", 0)] * 2
    assert len(await live(desk, who)) == 20


async def test_what_somebody_else_showed_is_never_deleted(desk: Desk) -> None:
    """Upstream's own ticket, and one of the helpdesk's that upstream showed later."""
    who = await populated(desk)
    taken_over, removed = ticket_id(who, 0), ticket_id(who, 1)
    newer = {"status": "waiting", "updated_at": "2099-01-01T00:00:00Z"}
    for record in (observed(who, "crm-only"), observed(who, taken_over, **newer)):
        await desk.pipeline.produce(record)
    await eventually(lambda: actions(desk, who, "crm-only"), bool)
    await eventually(lambda: actions(desk, who, taken_over), lambda seen: len(seen) == 2)
    desk.helpdesk.remove(who, taken_over, removed)

    audits = [await desk.ingest(who) for _ in range(2)]

    assert [a["deleted"] for a in audits] == [1, 0]
    assert {"crm-only", taken_over} <= await live(desk, who)
    assert removed not in await live(desk, who)


async def test_another_tenants_ticket_of_that_id_is_never_deleted(desk: Desk) -> None:
    who, other = await populated(desk), tenant()
    id_ = ticket_id(who, 0)
    await desk.pipeline.produce(observed(other, id_))
    await eventually(lambda: actions(desk, other, id_), bool)
    desk.helpdesk.remove(who, id_)

    audits = [await desk.ingest(who) for _ in range(2)]
    of_other = await desk.ingest(other)

    assert [a["deleted"] for a in (*audits, of_other)] == [0, 1, 0]
    assert await actions(desk, other, id_) == ["created"]


async def test_a_row_that_moves_to_an_earlier_page_is_neither_lost_nor_deleted(desk: Desk) -> None:
    who = await populated(desk, 10, position=200)
    desk.helpdesk.install_faults([NO_LIST, MovedRows(page=2, rows=5)])

    audit = await desk.ingest(who)

    pages = desk.pages_read()
    last = max(pages)
    assert pages == [*range(1, last + 1), 1], "only the first page is read again"
    assert (audit["status"], audit["unchanged"], audit["deleted"]) == ("SUCCESS", 10, 0)
    assert reconciled(audit)
    assert len(await live(desk, who)) == 10


async def test_a_row_behind_a_removed_one_is_not_lost(desk: Desk) -> None:
    who = await populated(desk, 1, position=200)
    first = desk.helpdesk.tickets()[0]
    desk.helpdesk.update(who, ticket_id(who, 0), subject="At the top of page 3, until a row goes")
    desk.helpdesk.install_faults([RemovedRows(page=3, rows=1)])

    audit = await desk.ingest(who)
    desk.helpdesk.restore(first["tenant_id"], first["id"])

    assert (audit["status"], audit["updated"]) == ("SUCCESS", 1)
    assert reconciled(audit)


async def test_a_crawl_that_was_shown_too_little_deletes_nothing(desk: Desk) -> None:
    who = await populated(desk)
    desk.helpdesk.remove(who, ticket_id(who, 1))
    desk.helpdesk.install_faults([OmittedRows(ids=[ticket_id(who, 0)], times=None)])

    audit = await desk.ingest(who)

    assert (audit["status"], audit["deleted"]) == ("PARTIAL_SUCCESS", 0)
    assert "but 1 of them were not on its pages, read 2 times" in audit["errors"][0]
    assert desk.calls("/external/deleted-tickets") == []


async def test_a_list_that_cannot_be_had_fails_the_run(desk: Desk) -> None:
    who = await populated(desk)
    desk.helpdesk.remove(who, ticket_id(who, 1))
    desk.helpdesk.install_faults([Refusal(status=403, route="deleted", times=None)])

    audit = await desk.ingest(who)

    assert (audit["status"], audit["deleted"]) == ("FAILED", 0)
    assert audit["errors"] == ["deleted tickets: answered 403"]


async def test_an_empty_first_page_is_asked_for_again(desk: Desk) -> None:
    who = await populated(desk)
    desk.helpdesk.install_faults([EmptyPage(times=2)])

    audit = await desk.ingest(who)

    assert (audit["status"], audit["unchanged"], audit["deleted"]) == ("SUCCESS", 8, 0)


async def test_all_tenants_are_judged_apart(desk: Desk) -> None:
    """One that lost half its tickets is doubted, and the deletions of the others take place."""
    doubted, other = await populated(desk, 40), await populated(desk)
    desk.helpdesk.remove(doubted, *(ticket_id(doubted, number) for number in range(20)))
    desk.helpdesk.remove(other, ticket_id(other, 0))

    parent = await desk.ingest("*")
    jobs = (await desk.progress(parent["job_id"]))["jobs"]
    audits = [await desk.audit(jobs[name]) for name in (doubted, other)]
    desk.helpdesk.restore(doubted, *(ticket_id(doubted, number) for number in range(20)))

    assert parent["status"] == "PARTIAL_SUCCESS"
    assert [(a["status"], a["deleted"]) for a in audits] == [("PARTIAL_SUCCESS", 0), ("SUCCESS", 1)]
    assert any(doubted in error for error in parent["errors"])
    assert all(reconciled(audit) for audit in (parent, *audits))
