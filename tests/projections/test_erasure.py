"""An erasure applied by the real projectors: documents, history, sums, parked events, letters."""

import json
from collections.abc import AsyncIterator
from typing import Any

import bson
import pytest

from domain import dead_letters as letters
from domain.topics import DEAD_LETTERS
from infra.checkpoints import Checkpoints
from infra.digests import KeptDigests
from infra.kafka import Outgoing
from infra.mongo import Mongo
from infra.settings import Settings
from infra.stage import Stage
from projections.dead_letters import DeadLettersStep
from projections.digest_scan import read_digests
from projections.roll_up_merging import RollUpMerger
from tests.projections.written_log import WrittenLog, change, written_log

pytestmark = pytest.mark.services

NEEDLE = b"needle"
ERASED_AT = "2026-11-20T11:00:00Z"


@pytest.fixture
async def log(settings: Settings, mongo: Mongo, topics: None) -> AsyncIterator[WrittenLog]:
    async with written_log(settings, mongo) as written:
        yield written


def told(external_id: str, version: int, *changes: tuple[str, Any, Any], **ticket: Any) -> Any:
    """A change event that is full of needles."""
    said = {
        "subject": f"needle subject {version}",
        "message": f"needle message {version}",
        "customer_id": "needle",
        "classification": {
            "matched": [{"rule": "r", "text": "needle"}], "ruleset_version": 1,
        },
    }  # fmt: skip
    event = change(external_id, version, **(said | ticket))
    named = [{"field": name, "old": old, "new": new} for name, old, new in changes]
    return event | {"changes": named if changes else event["changes"]}


def erased(external_id: str, version: int, **ticket: Any) -> dict[str, Any]:
    """What the sync agent writes of an erasure."""
    blanks: dict[str, Any] = {
        "subject": "",
        "message": "",
        "customer_id": None,
        "erased_at": ERASED_AT,
    }
    evidence = {"matched": [{"rule": "r", "text": ""}], "ruleset_version": 1}
    status = ("open", "closed")[version % 2 == 0]
    event = change(
        external_id, version, **blanks, classification=evidence, **({"status": status} | ticket)
    )
    said = {"type": "erased", "schema_version": 2, "cause": "erase", "source": "deskstream"}
    return event | said | {"changes": [{"field": "subject", "old": "", "new": ""}]}


LIFE = [
    told("T-1", 1),
    told("T-1", 2, ("subject", "needle subject 1", "needle subject 2"),
         ("message", "needle message 1", "needle message 2"), ("status", "open", "closed")),
    told("T-2", 1, subject="A kettle", message="Cold.", customer_id="other", classification={
        "matched": [], "ruleset_version": 1}),
]  # fmt: skip


async def needles(mongo: Mongo) -> list[str]:
    """Every document of the database that holds one."""
    return [
        f"{name} {document['_id']}"
        for name in await mongo.database.list_collection_names()
        async for document in mongo[name].find()
        if NEEDLE in bson.encode(document)
    ]


async def _merge(log: WrittenLog) -> None:
    """What a live merger does by itself."""
    await RollUpMerger(log.mongo).merge("roll_ups")


@pytest.mark.parametrize("batches", [1, 2])
async def test_nothing_is_left_and_everything_agrees(log: WrittenLog, batches: int) -> None:
    await log.append(*LIFE)
    if batches == 2:
        await log.project()
        assert len(await needles(log.mongo)) > 2
    await log.append(erased("T-1", 3, status="closed"))
    await log.project()
    await _merge(log)

    assert await needles(log.mongo) == []
    report = await log.verify()
    assert (report.differing, report.unchecked) == (0, [])
    assert all(one.agrees for one in await read_digests(log.mongo, None, scan=True))
    entry = await log.mongo["ticket_history"].find_one({"_id": "acme:T-1:2"})
    assert entry is not None
    assert [change["field"] for change in entry["changes"]] == ["subject", "message", "status"]
    kettle = await log.mongo["tickets"].find_one({"_id": "acme:T-2"})
    assert kettle is not None
    assert kettle["subject"] == "A kettle"


async def test_verify_names_what_was_left(log: WrittenLog) -> None:
    await log.append(*LIFE)
    await log.project()
    before = await log.mongo["ticket_history"].find_one({"_id": "acme:T-1:2"})
    await log.append(erased("T-1", 3, status="closed"))
    await log.project()
    assert before is not None
    await log.mongo["ticket_history"].replace_one({"_id": "acme:T-1:2"}, before)

    report = await log.verify()

    named = {(d.model, d.version, d.field) for d in report.differences}
    assert ("ticket_history", 2, "changes.0.old") in named
    assert "needle" not in repr(report)


async def test_a_parked_ticket_is_blanked_as_it_is_and_stays_parked(log: WrittenLog) -> None:
    await log.append(LIFE[0], told("T-1", 3))
    await log.project()
    await log.append(erased("T-1", 4))
    await log.project()
    await _merge(log)

    assert await needles(log.mongo) == []
    parked = await log.mongo["parked"].distinct("_id")
    assert parked == ["acme:T-1:3", "acme:T-1:4"]
    ticket = await log.mongo["tickets"].find_one({"_id": "acme:T-1"})
    assert ticket is not None
    assert (ticket["version"], ticket["erased_at"] is not None) == (1, True)
    assert await KeptDigests(log.mongo).read({"tickets": 1}) != {}
    assert all(one.agrees for one in await read_digests(log.mongo, None, scan=True))


def _letter(number: int, external_id: str) -> Outgoing:
    value = {"data": {"id": external_id, "tenant_id": "acme", "message": "needle"}}
    headers = [
        (letters.ID, f"{number:064x}".encode()),
        (letters.POSITION, f"tickets.raw/0/{number}".encode()),
        (letters.REASON, b"needle is no status"),
        (f"{letters.ORIGINAL}h", b"needle"),
    ]
    return Outgoing(b"needle", json.dumps(value).encode(), headers)


async def _project_letters(log: WrittenLog, *records: Outgoing) -> None:
    await log.publisher.publish(DEAD_LETTERS, {0: list(records)})
    checkpoints = Checkpoints(log.mongo, "dead_letters", DEAD_LETTERS)
    stage = Stage(DEAD_LETTERS, DeadLettersStep(log.mongo, checkpoints), checkpoints, log.reader)
    _, end = (await log.reader.bounds(DEAD_LETTERS, [0]))[0]
    found, _ = await log.reader.read(DEAD_LETTERS, 0, 0, end)
    await stage.absorb(found)


async def test_letters_of_an_erased_ticket_are_blank_whichever_came_first(log: WrittenLog) -> None:
    await log.append(LIFE[0])
    await log.project()
    await _project_letters(log, _letter(1, "T-1"), _letter(2, "T-9"))
    await log.append(erased("T-1", 2, status="closed"))
    await log.project()
    await _project_letters(log, _letter(3, "T-1"))
    await _merge(log)

    found = {d["offset"]: d async for d in log.mongo["dead_letters"].find()}
    assert {n: (d["state"], d["reason"]) for n, d in found.items()} == {
        1: ("evicted", "erased"), 2: ("waiting", "needle is no status"), 3: ("evicted", "erased"),
    }  # fmt: skip
    assert [d["action"] for d in found[1]["trail"]] == ["erased"]
    assert await needles(log.mongo) == [f"dead_letters {2:064x}"]
