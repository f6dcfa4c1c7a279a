"""Rows that no contract allows, in the midst of good ones."""

import json
from typing import Any, get_args

import pytest

from dev.helpdesk.bad_rows import bad_row
from dev.helpdesk.faults import BadRow, BadRows
from tests.ingestion.desk import Desk, reconciled, ticket_row
from tests.integration.pipeline import tenant

pytestmark = [pytest.mark.services, pytest.mark.asyncio(loop_scope="session")]

# What each dead letter's reason begins with.
REASONS: dict[BadRow, str] = {
    "no_id": "id: nothing is no identifier",
    "null_id": "id: nothing is no identifier",
    "no_tenant": "tenant_id: nothing is no tenant id",
    "bad_tenant": "tenant_id: 'no such/tenant' is no tenant id",
    "wrong_types": "subject: expected text, got int",
    "no_created_at": "created_at: expected an ISO 8601 instant, got nothing",
    "bad_created_at": "created_at: 'the day before yesterday' is no ISO 8601 instant",
    "oversize_message": "record: ",
    "lone_surrogate": "subject: holds a lone surrogate",
    "big_integer": "customer_id: an integer over 64 bits",
    "nul": "message: holds a NUL character",
    "control_id": "id: holds a control character",
    "long_id": "id: 304 characters, at most 256",
    "not_an_object": "ticket: expected an object, got str",
}


async def test_bad_rows_are_dead_letters_and_stop_nothing(desk: Desk) -> None:
    who = tenant()
    desk.helpdesk.insert(*(ticket_row(who, f"GOOD-{n}") for n in range(1, 4)), position=50)
    everything = sum(desk.helpdesk.counts().values())
    kinds: list[BadRow] = list(get_args(BadRow))
    desk.helpdesk.install_faults([BadRows(rows=kinds, tenant_id=who, page=1)])

    audit = await desk.ingest(who)

    assert set(await desk.tickets(who)) == {"GOOD-1", "GOOD-2", "GOOD-3"}
    assert (audit["status"], audit["new_ingested"]) == ("SUCCESS", 3)
    assert (audit["rejected"], audit["fetched"]) == (len(kinds), everything + len(kinds))
    assert reconciled(audit)
    letters = await _letters(desk, audit["job_id"])
    assert [json.loads(letter["value"]) for letter in letters] == [
        json.loads(bad_row(kind, who)) for kind in kinds
    ]
    for kind, letter in zip(kinds, letters, strict=True):
        assert letter["reason"].startswith(REASONS[kind]), kind


async def test_bad_rows_of_another_tenant_are_foreign_to_a_run(desk: Desk) -> None:
    who = tenant()
    everything = sum(desk.helpdesk.counts().values())
    desk.helpdesk.install_faults([BadRows(rows=["no_id", "nul"], tenant_id=tenant(), page=1)])

    audit = await desk.ingest(who)

    assert (audit["rejected"], audit["foreign"]) == (0, everything + 2)
    assert await _letters(desk, audit["job_id"]) == []


async def test_a_missing_message_and_an_invented_status_are_no_faults(desk: Desk) -> None:
    who = tenant()
    silent = {k: v for k, v in ticket_row(who, "SILENT").items() if k != "message"}
    desk.helpdesk.insert(silent, ticket_row(who, "NULL") | {"message": None, "status": "parked"})

    audit = await desk.ingest(who)

    found = await desk.tickets(who)
    assert {id_: (t["message"], t["status"]) for id_, t in found.items()} == {
        "SILENT": ("", "open"),
        "NULL": ("", "parked"),
    }
    assert audit["rejected"] == 0


async def _letters(desk: Desk, job_id: str) -> list[dict[str, Any]]:
    """What a run refused, in the order in which it came by."""
    begin = f"crawl/{job_id}/"
    letters = await desk.pipeline.dead_letters()
    mine = [letter for letter in letters if letter["position"].startswith(begin)]
    return sorted(mine, key=lambda letter: int(letter["position"].removeprefix(begin)))
