"""`verify`: the log, folded by somebody else, against what readers see."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from pydantic import SecretStr

from domain.identity import partition_of
from domain.rebuild_errors import VerificationBrokenError
from domain.topics import CHANGES
from infra.kafka import Outgoing
from infra.mongo import Mongo, Session, snapshot
from infra.settings import Settings
from projections import model_verification, second_look
from projections.differences import Difference, Report
from projections.projector import run_projector
from projections.verification_task import Progress
from tests.projections.written_log import WrittenLog, audit, change, lives, written_log

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]


@pytest.fixture
async def log(settings: Settings, mongo: Mongo) -> AsyncIterator[WrittenLog]:
    """A log of this test's own."""
    async with written_log(settings, mongo) as written:
        yield written


def told(report: Report) -> list[tuple[str, str, str, str | None]]:
    """What was found, without the values."""
    found = [(d.model, d.key, d.kind, d.field) for d in report.differences]
    return sorted(found, key=lambda difference: difference[:3])


async def test_what_was_projected_is_clean_also_in_parts_and_small_batches(
    log: WrittenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = lives(30, 4)
    await log.append(*events, *events[:20])
    await log.append_audits(audit("run-1"), audit("run-2"), audit("run-1"))
    await log.project()

    whole = await log.verify()
    monkeypatch.setattr(model_verification, "_PART_EVENTS", 11)
    monkeypatch.setattr(model_verification, "_SNAPSHOT_KEYS", 3)
    monkeypatch.setattr(model_verification, "_BATCH_KEYS", 2)
    in_parts = await log.verify()

    for report in (whole, in_parts):
        assert (report.differing, report.differences, report.unchecked) == (0, [], [])
        assert report.events == len(events) + 20 + 3
        assert report.documents == 30 + 30 * 4 + 2
        assert sum(v.next_offset for v in report.verified) == report.events


async def test_processes_that_share_the_work_make_no_difference(log: WrittenLog) -> None:
    await log.append(*lives(30, 4))
    await log.append_audits(audit("run-1"), audit("run-2"))
    await log.project()
    tickets = log.mongo["tickets"]
    some = await tickets.find({}, {"_id": 1}).sort("_id").to_list(3)
    await tickets.update_one({"_id": some[0]["_id"]}, {"$set": {"status": "odd"}})
    await tickets.delete_one({"_id": some[1]["_id"]})
    await tickets.insert_one({"_id": "acme:nobody", "tenant_id": "acme", "external_id": "nobody"})
    alone = await log.verify()

    seen: list[Progress] = []
    shared = await log.verify_in_processes(2, seen)

    assert told(shared) == told(alone)
    assert shared.differing == alone.differing == 3
    assert (shared.events, shared.documents) == (alone.events, alone.documents)
    assert sorted(shared.verified) == sorted(alone.verified)
    assert (seen[-1].read, seen[-1].compared) == (alone.events, alone.documents)


@pytest.mark.faults
async def test_a_process_that_cannot_go_on_is_told(log: WrittenLog) -> None:
    nowhere = SecretStr("mongodb://127.0.0.1:9/?replicaSet=rs0&serverSelectionTimeoutMS=100")
    log.settings = log.settings.model_copy(update={"mongodb_uri": nowhere})

    with pytest.raises(VerificationBrokenError, match="ServerSelectionTimeoutError"):
        await log.verify_in_processes(2, [])


async def test_a_changed_document_is_named_with_its_field_and_without_its_text(
    log: WrittenLog,
) -> None:
    await log.append(*lives(8, 3))
    await log.append_audits(audit("run-1"))
    await log.project()
    tickets, logs = log.mongo["tickets"], log.mongo["ingestion_logs"]
    await tickets.update_one({"_id": "acme:T-2"}, {"$set": {"status": "lost", "odd": 1}})
    await tickets.update_one({"_id": "north:T-3"}, {"$set": {"message": "a secret word"}})
    await tickets.update_one({"_id": "acme:T-4"}, {"$set": {"digest": b"kept beside it"}})
    await logs.update_one({"_id": "run-1"}, {"$inc": {"fetched": 1}})

    report = await log.verify()

    assert report.differing == 3
    assert [d for d in report.differences if d.key == "acme:T-2"] == [
        Difference("tickets", "acme:T-2", "field", "status", "'open'", "'lost'"),
        Difference("tickets", "acme:T-2", "field", "odd", "absent", "1"),
    ]
    [message] = [d for d in report.differences if d.key == "north:T-3"]
    assert message.field == "message"
    assert message.found is not None
    assert message.found.startswith("13 characters, #")
    assert Difference("ingestion_logs", "run-1", "field", "fetched", "0", "1") in report.differences


async def test_histories_that_lack_have_too_much_or_differ(log: WrittenLog) -> None:
    await log.append(*lives(8, 3))
    await log.project()
    history = log.mongo["ticket_history"]
    await history.delete_one({"_id": "acme:T-0:2"})
    await history.update_one({"_id": "north:T-1:3"}, {"$set": {"changes.0.old": "new"}})
    row = await history.find_one({"_id": "acme:T-2:3"})
    assert row is not None
    await history.insert_one(row | {"_id": "acme:T-2:4", "version": 4})

    report = await log.verify()

    assert report.differing == 3
    assert sorted(report.differences, key=lambda d: d.key) == [
        Difference("ticket_history", "acme:T-0", "missing", version=2),
        Difference("ticket_history", "acme:T-2", "surplus", version=4),
        Difference(
            "ticket_history", "north:T-1", "field", "changes.0.old", "'closed'", "'new'", version=3
        ),
    ]


async def test_documents_that_are_missing_or_that_the_log_does_not_know(log: WrittenLog) -> None:
    await log.append(*lives(8, 2))
    await log.append_audits(audit("run-1"))
    await log.project()
    tickets, history = log.mongo["tickets"], log.mongo["ticket_history"]
    await tickets.delete_one({"_id": "acme:T-0"})
    ghost = {"_id": "north:ghost", "tenant_id": "north", "external_id": "ghost", "version": 1}
    await tickets.insert_one(ghost)
    await history.insert_one(
        {"_id": "h", "tenant_id": "north", "ticket_id": "spectre", "version": 1}
    )
    await log.mongo["ingestion_logs"].insert_one({"_id": "run-9", "tenant_id": "north"})

    report = await log.verify()

    assert told(report) == [
        ("ingestion_logs", "run-9", "surplus", None),
        ("ticket_history", "north:spectre", "surplus", None),
        ("tickets", "acme:T-0", "missing", None),
        ("tickets", "north:ghost", "surplus", None),
    ]
    assert report.differing == 4


async def test_one_tenant_is_verified_alone(log: WrittenLog) -> None:
    await log.append(*lives(8, 2))
    await log.append_audits(audit("run-1"), audit("run-2", tenant_id="north"))
    await log.project()
    await log.mongo["tickets"].update_one({"_id": "acme:T-2"}, {"$set": {"status": "lost"}})
    await log.mongo["tickets"].update_one({"_id": "acme:T-4"}, {"$set": {"tenant_id": "north"}})

    acme, north = await log.verify("acme"), await log.verify("north")

    assert told(acme) == [
        ("tickets", "acme:T-2", "field", "status"),
        ("tickets", "acme:T-4", "field", "tenant_id"),
    ]
    assert told(north) == [("tickets", "acme:T-4", "surplus", None)]
    assert acme.events == north.events == 4 * 2 + 1


async def test_a_log_with_gaps_and_rewritten_versions_is_no_log(log: WrittenLog) -> None:
    events = [change("T-1", 1), change("T-1", 2), change("T-1", 4), change("T-1", 5)]
    again = change("T-2", 1, status="closed")
    await log.append(*events, change("T-2", 1), change("T-2", 2), again, again)
    await log.append_audits(audit("run-1"), audit("run-1", pages=7))
    await log.project()

    report = await log.verify()

    assert [(d.key, d.kind, d.version) for d in report.differences] == [
        ("acme:T-1", "parked", 4),
        ("acme:T-1", "gap", 4),
        ("acme:T-2", "rewritten", 1),
        ("run-1", "rewritten", 1),
    ]
    [parked] = [d for d in report.differences if d.kind == "parked"]
    assert parked.found == "2 events wait in `parked`, from version 4 on"


async def test_a_parked_ticket_is_expected_to_stand_still(log: WrittenLog) -> None:
    await log.append(change("T-1", 1), change("T-1", 2))
    await log.project()
    parked = {"_id": "acme:T-1:3", "key": "acme:T-1", "tenant_id": "acme", "value": b""}
    await log.mongo["parked"].insert_one(parked)
    await log.append(change("T-1", 3), change("T-1", 4))
    await log.project()

    report = await log.verify()

    assert report.differing == 1
    assert [(d.key, d.kind, d.version) for d in report.differences] == [("acme:T-1", "parked", 3)]


async def test_records_that_say_nothing_or_stand_in_the_wrong_place(log: WrittenLog) -> None:
    wrong = (partition_of(b"acme:T-1", 4) + 1) % 4
    await log.publisher.publish(
        CHANGES,
        {
            wrong: [
                Outgoing(b"acme:T-1", encoded(change("T-1", 1))),
                Outgoing(b"acme:T-7", b'{"kind": "change"}'),
                Outgoing(b"acme:T-8", encoded(change("T-9", 1))),
            ]
        },
    )

    await log.project()
    report = await log.verify()

    place = f"tickets.changes[{wrong}] offset"
    assert told(report) == [
        ("ticket_history", "acme:T-9", "surplus", None),
        ("tickets", "acme:T-9", "surplus", None),
        ("tickets.changes", f"{place} 0", "misplaced", None),
        ("tickets.changes", f"{place} 1", "unreadable", None),
        ("tickets.changes", f"{place} 2", "misplaced", None),
    ]


async def test_a_log_whose_head_was_cut_is_not_checked(log: WrittenLog, settings: Settings) -> None:
    events = lives(8, 4)
    await log.append(*events)
    await log.project()
    cut = partition_of(b"acme:T-0", 4)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        place = TopicPartition(settings.topic(CHANGES), cut)
        await admin.delete_records({place: RecordsToDelete(before_offset=2)})
    finally:
        await admin.close()

    report = await log.verify()

    end = sum(
        partition_of(f"{e['tenant_id']}:{e['external_id']}".encode(), 4) == cut for e in events
    )
    assert report.unchecked == [
        f"tickets.changes[{cut}]: the head of the log was cut:"
        f" it holds offsets 2 to {end}, not from 0 on"
    ]
    assert (report.differing, report.differences) == (0, [])
    assert cut not in {v.partition for v in report.verified if v.topic == CHANGES}


async def test_a_log_that_is_another_one_is_not_checked(log: WrittenLog, mongo: Mongo) -> None:
    await log.append(*lives(8, 2))
    await log.project()
    partition = partition_of(b"acme:T-0", 4)
    wanted = {"topic": CHANGES, "partition": partition}
    await mongo["checkpoints"].update_one(wanted, {"$inc": {"next_offset": 5}})

    report = await log.verify()

    assert [reason.split(":")[0] for reason in report.unchecked] == [
        f"tickets.changes[{partition}]"
    ]
    assert report.differing == 0


async def test_of_many_differences_a_hundred_are_explained_and_all_counted(
    log: WrittenLog,
) -> None:
    await log.append(*lives(150, 1))
    await log.project()
    await log.mongo["tickets"].update_many({}, {"$set": {"urgency": "low"}})

    report = await log.verify()

    assert report.differing == 150
    assert len(report.differences) == report.explained == 100
    assert {(d.field, d.expected, d.found) for d in report.differences} == {
        ("urgency", "'high'", "'low'")
    }


async def rounds_under_load(log: WrittenLog, seconds: float, rate: int) -> list[Report]:
    """Verifications, one after another, while a projector applies events of a few hot tickets."""
    stop = asyncio.Event()
    projecting = asyncio.create_task(run_projector(log.settings, stop))
    writing = asyncio.create_task(_write(log, seconds, rate))
    reports = []
    try:
        while not writing.done():
            reports.append(await log.verify())
        await writing
    finally:
        stop.set()
        writing.cancel()
        await projecting
    return reports


async def _write(log: WrittenLog, seconds: float, rate: int) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    versions: dict[str, int] = {}
    for number in range(int(seconds * rate)):
        await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
        # Forty hot tickets, and a new one with every tenth event.
        name = f"N-{number}" if number % 10 == 0 else f"H-{number % 40}"
        versions[name] = versions.get(name, 0) + 1
        await log.append(change(name, versions[name]))


async def test_a_projector_at_work_makes_no_difference(log: WrittenLog) -> None:
    reports = await rounds_under_load(log, seconds=5, rate=300)

    wrong = [(r.differences[:3], r.unchecked) for r in reports if r.differing or r.unchecked]
    assert not wrong
    assert reports[-1].events > reports[0].events
    assert len(reports) > 2


async def test_a_snapshot_that_is_older_than_the_fold_is_not_used(
    log: WrittenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log.append(*lives(8, 1))
    await log.project()
    async with snapshot(log.mongo) as old:
        await log.mongo["tickets"].find_one(session=old)
        await log.append(*(change("T-0", version) for version in (2, 3)))
        await log.project()
        sessions = [old] * 4

        @asynccontextmanager
        async def slow(mongo: Mongo) -> AsyncIterator[Session]:
            if sessions:
                yield sessions.pop()
            else:
                async with snapshot(mongo) as session:
                    yield session

        monkeypatch.setattr(model_verification, "snapshot", slow)
        report = await log.verify()

    assert (report.differing, report.differences, report.unchecked) == (0, [], [])
    assert report.events == 8 + 2


@pytest.mark.faults
async def test_documents_and_checkpoint_of_different_moments_are_found_out(
    log: WrittenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: the comparison reads without a snapshot."""
    monkeypatch.setattr(model_verification, "snapshot", _no_snapshot)
    monkeypatch.setattr(second_look, "snapshot", _no_snapshot)

    reports = await rounds_under_load(log, seconds=8, rate=300)

    assert any(report.differing for report in reports)


@asynccontextmanager
async def _no_snapshot(mongo: Mongo) -> AsyncIterator[Session]:
    async with await mongo.start_session() as session:
        yield session


def encoded(event: dict[str, Any]) -> bytes:
    """The event as a record's value."""
    return json.dumps(event).encode()
