"""`deskstream erase`: needles in tickets, of which no collection holds one afterwards."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import bson
import pytest

from dev.environment import environment_of
from infra.read_models import active
from infra.settings import Settings
from tests.faults import verdict
from tests.faults.feed import FeedRecord
from tests.faults.scenario import Scenario, scenario
from tests.integration.pipeline import deleted, eventually, observed
from tests.stages.stages import command_line, deskstream, events, quiet, send, stop

pytestmark = [pytest.mark.services, pytest.mark.faults]

NEEDLE = "needle"
CUSTOMER = "needlecustomer"
OTHERS = "othercustomer"
REWRITE = ("log", "rewrite", "--delete-old")


def _shown(number: int, minute: int, *, tenant: str = "acme", **fields: Any) -> FeedRecord:
    time = f"2026-11-20T10:{minute:02}:00Z"
    said = {
        "subject": f"needlesubject {number}",
        "message": f"needlemessage {number}. Production is down, nobody can pay!",
        "customer_id": CUSTOMER,
        "time": time,
        "updated_at": time,
    }
    return FeedRecord(number % 4, None, observed(tenant, f"T-{number}", **(said | fields)))


def _letter(number: int, tenant: str = "acme", **fields: Any) -> FeedRecord:
    """A record that breaks the contract."""
    wrong = json.loads(_shown(number, 9, tenant=tenant, **fields).value)
    del wrong["data"]["created_at"]
    return FeedRecord(number % 4, None, json.dumps(wrong).encode())


def _other(number: int, minute: int = 1, **fields: Any) -> FeedRecord:
    said = {"subject": "A kettle", "message": "It is cold.", "customer_id": OTHERS}
    return _shown(number, minute, **(said | fields))


RECORDS = [
    *(_shown(number, 1) for number in range(6)),
    *(_other(number) for number in range(10, 16)),
    _shown(0, 2, message="needlemessage once more"),
    _shown(1, 2, customer_id=OTHERS, subject="A kettle", message="It is cold."),  # once hers
    FeedRecord(2, None, deleted("acme", "T-2", time="2026-11-20T10:03:00Z")),
    _shown(20, 1, tenant="north", subject="Another tenant", message="Not meant.", ),
    _letter(3),
    _letter(30),  # never a ticket
]  # fmt: skip


async def needles(running: Scenario) -> list[str]:
    """Every document of every collection that holds a needle, those of the other tenant aside."""
    found = []
    for name in sorted(await running.mongo.database.list_collection_names()):
        async for document in running.mongo[name].find():
            id_ = str(document["_id"])
            if NEEDLE.encode() in bson.encode(document).lower() and "north" not in id_:
                found.append(f"{name} {id_}")
    return found


async def _run(running: Scenario, *arguments: str) -> str:
    """What a command prints; it must end well."""
    ended = await asyncio.to_thread(command_line(running.settings).run, *arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


async def _agree(running: Scenario) -> None:
    """Log, documents, sums, digests and state say the same, and so does what is made anew."""
    await _run(running, "verify")
    await _run(running, "rebuild", "--all")  # refused if the digests differ
    assert "0 differed" in await _run(running, "rebuild", "--state")


async def _shown_again(running: Scenario) -> None:
    """What would bring a text back: sources, replays, letters of before and of now."""
    await send(running, [_shown(0, 30, status="pending"), _shown(3, 31), _letter(4), _other(2, 32)])
    await _run(running, "replay", "tickets.raw", "--from", "1h")
    await _run(running, "dlq", "redrive", "--all")
    await quiet(running)


async def test_of_an_erased_customer_nothing_is_found(settings: Settings, tmp_path: Path) -> None:
    order = ("erase", "--tenant", "acme", "--customer", CUSTOMER)
    async with scenario(settings, tmp_path, alert_max_age=timedelta(days=900)) as running:
        running.start("worker", "projector", "notifier")
        await send(running, RECORDS)
        await _run(running, "rebuild", "--all")
        before, stats = await needles(running), await _labels(running)

        dry = await deskstream(running, *order, "--dry-run")
        assert await needles(running) == before
        done = await deskstream(running, *order, "--reason", "asked by letter")

        assert await needles(running) == []
        assert (dry["tickets"], done["tickets"], done["complete"]) == (6, 6, True)
        _check_report(dry, done)
        assert await _labels(running) == stats
        await _shown_again(running)
        assert await needles(running) == []
        await _agree(running)
        again = await deskstream(running, *order)
        assert (again["tickets"], again["complete"]) == (0, True)
        await _check_lift(running)


@pytest.mark.timeout(300)
async def test_whoever_dies_in_an_erasure_it_is_done_once(
    settings: Settings, tmp_path: Path
) -> None:
    order = ("erase", "--tenant", "acme", "--customer", CUSTOMER)
    async with scenario(settings, tmp_path) as running:
        running.start("worker", "projector", "notifier")
        await send(running, RECORDS)
        await stop(running, "worker", "projector")
        assert await _killed_at(running, "erasures_sent", *order) == -signal.SIGKILL
        running.start("worker", crash_at="sync_before_commit:1")
        running.start("projector", crash_at="projector_before_commit:1")
        await running.until_dead("worker")
        running.start("worker")
        await running.until_dead("projector")
        running.start("projector")
        for number, boundary in ((40, "erasures_taken"), (41, "erasures_applied")):
            await send(running, [_shown(number, 20)])
            assert await _killed_at(running, boundary, *order) == -signal.SIGKILL

        await send(running, [_shown(42, 20)])
        done = await deskstream(running, *order)

        assert done["complete"]
        assert await needles(running) == []
        erased = [e["external_id"] for e in (await events(running)).values()
                  if e["type"] == "erased"]  # fmt: skip
        assert sorted(erased) == sorted(f"T-{number}" for number in (*range(6), 40, 41, 42))
        await _run(running, "verify")


async def _killed_at(running: Scenario, boundary: str, *arguments: str) -> int:
    """The exit code of a command that dies at a boundary."""
    environment = os.environ | environment_of(running.settings) | {"FAULT_CRASH_AT": boundary}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.command", *arguments, env=environment, stdout=DEVNULL
    )
    return await process.wait()


@pytest.mark.timeout(300)
async def test_an_older_backup_is_erased_again_because_the_log_says_so(
    settings: Settings, tmp_path: Path
) -> None:
    async with scenario(settings, tmp_path, alert_max_age=timedelta(days=900)) as running:
        running.start("worker", "projector", "notifier")
        await send(running, RECORDS[:-1])
        await stop(running, *running.running)
        backup = await _copy(running)
        running.start("worker", "projector", "notifier")
        await _run(running, "erase", "--tenant", "acme", "--customer", CUSTOMER)
        await send(running, [_letter(3, event_id="after")])
        assert await needles(running) == []
        await stop(running, *running.running)
        await _restore(running, backup)
        assert len(await needles(running)) > 10

        running.start("worker", "projector", "notifier")

        await quiet(running)
        await eventually(partial(needles, running), lambda found: found == [])
        await _run(running, "verify")


async def _copy(running: Scenario) -> dict[str, list[Any]]:
    names = await running.mongo.database.list_collection_names()
    return {name: await running.mongo[name].find().to_list(None) for name in names}


async def _restore(running: Scenario, backup: dict[str, list[Any]]) -> None:
    for name in await running.mongo.database.list_collection_names():
        await running.mongo[name].delete_many({})
    for name, documents in backup.items():
        if documents:
            await running.mongo[name].insert_many(documents)


@pytest.mark.timeout(400)
async def test_a_rewritten_log_holds_nothing_that_was_erased(
    settings: Settings, tmp_path: Path
) -> None:
    async with scenario(settings, tmp_path) as running:
        running.start("worker", "projector")
        await send(running, RECORDS)
        await _run(running, "erase", "--tenant", "acme", "--customer", CUSTOMER)
        await _run(running, "log", "rewrite")
        await _check_refusal(running)
        await stop(running, *running.running)
        before = await verdict.read_log(running.settings)
        kept = await _positions(running)

        for boundary in ("log_replacing", "log_removed", "log_replaced"):
            assert await _killed_at(running, boundary, *REWRITE) == -signal.SIGKILL
            closed = await asyncio.to_thread(command_line(running.settings).run, "worker")
            assert (closed.returncode, "is being rewritten" in closed.stderr) == (1, True)
        await _run(running, *REWRITE)

        after = await verdict.read_log(running.settings)
        assert _versions(after) == _versions(before)
        assert [key for _, key, value in after if NEEDLE.encode() in value] == [b"north:T-20"]
        assert await _positions(running) == kept
        running.start("worker", "projector")
        await send(running, [_other(17), _shown(0, 50)])
        await _agree(running)
        assert await needles(running) == []


async def _check_refusal(running: Scenario) -> None:
    """While somebody works nothing is replaced, and nobody is fenced off."""
    refused = await asyncio.to_thread(command_line(running.settings).run, *REWRITE)
    assert (refused.returncode, "stop every process" in refused.stderr) == (1, True)
    await send(running, [_other(16)])  # which the copy lacks so far


def _versions(log: Iterable[tuple[int, bytes | None, bytes]]) -> list[Any]:
    return [(place, key, json.loads(value).get("version")) for place, key, value in log]


async def _positions(running: Scenario) -> dict[str, int]:
    """Where each consumer that may go on stands."""
    found = running.mongo["checkpoints"].find({"retired": None})
    return {d["_id"]: d["next_offset"] async for d in found}


async def _labels(running: Scenario) -> list[tuple[Any, ...]]:
    """What counts of each ticket but words and customers."""
    names = await active(running.mongo)
    found = running.mongo[names["tickets"]].find().sort("_id", 1)
    kept = ("_id", "status", "urgency", "sentiment", "requires_action", "created_at", "deleted_at")
    return [tuple(document[name] for name in kept) async for document in found]


def _check_report(dry: Any, done: Any) -> None:
    found = {place["place"]: place["found"] for place in done["places"]}
    assert {place["place"]: place["found"] for place in dry["places"]} == found
    assert {place["place"]: place["removed"] for place in done["places"]} == found
    assert (found["tickets"], found["ticket_history"], found["ticket_state"]) == (6, 2, 6)
    assert (found["dead_letters"], found["parked"]) == (2, 0)
    assert found["alerts"] > 0
    assert done["generations_removed"] == [1]
    assert done["kept_until"]["tickets.changes"] == "deskstream log rewrite"


async def _check_lift(running: Scenario) -> None:
    await _run(running, "lift", "--tenant", "acme", "--ticket", "T-5")
    await send(running, [_shown(5, 40), _shown(4, 40)])
    names = await active(running.mongo)
    shown = {
        number: (await running.mongo[names["tickets"]].find_one({"_id": f"acme:T-{number}"}) or {})
        for number in (4, 5)
    }
    assert {n: t["customer_id"] for n, t in shown.items()} == {4: None, 5: CUSTOMER}
    assert "erased_at" not in shown[5]
    await _run(running, "verify")
