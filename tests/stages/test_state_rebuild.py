"""The sync agent's state made anew from the log, beside workers that go on."""

import asyncio
import signal
import subprocess
import sys
from typing import Any

import pytest

from domain.errors import LogMismatchError
from domain.topics import CHANGES
from infra.kafka import Outgoing
from infra.mongo import Mongo
from infra.publisher import Publisher
from infra.settings import Settings
from streams.state_rebuild import StateReport, rebuild_state
from tests.cli.commands import ROOT
from tests.faults import verdict
from tests.faults.feed import Feed, FeedRecord
from tests.faults.scenario import Scenario
from tests.integration.pipeline import deleted, observed
from tests.stages.stages import command_line, cut_head, events, quiet, send

pytestmark = pytest.mark.services

SEED = 3
RATE = 150


async def rebuilt(running: Scenario, *, repair: bool = True) -> StateReport:
    def progress(phase: str, done: int, total: int) -> None:
        assert phase in ("log", "tickets")
        assert done <= total

    return await rebuild_state(running.settings, running.mongo, progress=progress, repair=repair)


async def states(mongo: Mongo) -> dict[str, dict[str, Any]]:
    return {document["_id"]: document async for document in mongo["ticket_state"].find()}


async def test_a_state_that_lies_is_put_right_while_a_worker_works(running: Scenario) -> None:
    """North's tickets are tampered with and rest; south's go on changing all the while."""
    feed = Feed(SEED, running.settings.kafka_partitions, tickets=300)
    first = feed.take(900)
    gone = FeedRecord(0, None, deleted("north", "never-seen"))
    await send(running, [*first, gone])
    sound = await states(running.mongo)
    wrong = await _tampered(running.mongo, sound)
    done = asyncio.Event()
    sending = asyncio.create_task(_feed_south(running, feed, done))

    looked = await rebuilt(running, repair=False)
    report = await rebuilt(running)
    again = await rebuilt(running)
    done.set()
    later = await sending
    await quiet(running)

    assert {d.key: d.fields for d in looked.differences} == wrong
    assert {d.key: d.fields for d in report.differences} == wrong
    assert (report.different, again.different) == (len(wrong), 0)
    _check_north(sound, await states(running.mongo))
    findings = await running.wrong([*first, gone, *later])
    assert not findings, f"{len(findings)}: {findings[:10]}"
    await _check_what_follows(running, wrong)


async def _feed_south(running: Scenario, feed: Feed, done: asyncio.Event) -> list[FeedRecord]:
    """Send records of south, some at a time, until `done`; return them."""
    sent: list[FeedRecord] = []
    while not done.is_set():
        some = [record for record in feed.take(100) if b'"north"' not in record.value]
        await verdict.send(running.settings, some, RATE)
        sent += some
    return sent


def _check_north(sound: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> None:
    """What rested is as it was before anyone tampered with it, as far as the log knows."""
    names = ("version", "ticket", "changed_at", "gone_at")
    before, now = (
        {key: [state[name] for name in names] for key, state in some.items() if "north" in key}
        for some in (sound, after)
    )
    assert now == before


async def _tampered(mongo: Mongo, sound: dict[str, dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Change some states in every way; return what a rebuild must name."""
    live = [
        k for k, s in sound.items() if k.startswith("north") and s["version"] and not s["gone_at"]
    ]
    collection = mongo["ticket_state"]
    wrong: dict[str, tuple[str, ...]] = {}
    for number, key in enumerate(sorted(live)[:40]):
        match number % 4:
            case 0:
                await collection.delete_one({"_id": key})
                wrong[key] = ("state",)
            case 1:
                await collection.update_one({"_id": key}, {"$inc": {"version": 3}})
                wrong[key] = ("version",)
            case 2:
                lie = {"$set": {"ticket.status": "lost", "changed_at": None}}
                await collection.update_one({"_id": key}, lie)
                wrong[key] = ("status", "changed_at")
            case _:
                gone = {"$set": {"gone_at": sound[key]["observed_at"]}}
                await collection.update_one({"_id": key}, gone)
                wrong[key] = ("gone_at",)
    invented = sound[min(live)] | {"_id": "north:invented", "external_id": "invented"}
    await collection.insert_one(invented)
    return wrong | {"north:invented": ("version",)}


async def _check_what_follows(running: Scenario, wrong: dict[str, tuple[str, ...]]) -> None:
    """Each ticket goes on with the version after its last; no collection was left behind."""
    before = await events(running)
    new: dict[str, Any] = dict.fromkeys(("time", "updated_at"), "2027-01-01T00:00:00Z")
    await send(running, [
        FeedRecord(0, None, observed("north", key.removeprefix("north:"), **new))
        for key in wrong
    ])  # fmt: skip
    found = await events(running)

    added = {id_.rpartition(":")[0] for id_ in found.keys() - before.keys()}
    assert added == wrong.keys()
    assert not [n for n in await running.mongo.database.list_collection_names() if "_rebuild" in n]


@pytest.mark.faults
async def test_a_rebuild_that_is_killed_leaves_nothing_that_is_wrong(running: Scenario) -> None:
    """The transaction it left open holds the worker up until the server ends it, and no longer."""
    feed = Feed(SEED, running.settings.kafka_partitions, tickets=300)
    records = feed.take(900)
    await send(running, records)
    wrong = await _tampered(running.mongo, await states(running.mongo))

    for point in ("state_log_read", "state_fenced", "state_before_commit"):
        assert await asyncio.to_thread(_die_at, running.settings, point) == -signal.SIGKILL
        later = [record for record in feed.take(100) if b'"north"' not in record.value]
        await send(running, later)
        records += later
    report = await rebuilt(running)

    assert {d.key: d.fields for d in report.differences}.items() <= wrong.items()
    assert (await rebuilt(running, repair=False)).different == 0
    findings = await running.wrong(records)
    assert not findings, f"{len(findings)}: {findings[:10]}"
    await _check_what_follows(running, wrong)


def _die_at(settings: Settings, point: str) -> int:
    """Rebuild in a process that is killed at a boundary; return how it ended."""
    command = [sys.executable, "-m", "tests.stages.rebuild_process", point]
    environment = command_line(settings).environment
    return subprocess.run(command, cwd=ROOT, env=environment, check=False, timeout=60).returncode


@pytest.mark.usefixtures("topics")
async def test_a_log_without_its_first_record_is_refused(settings: Settings, mongo: Mongo) -> None:
    publisher = Publisher(settings)
    await publisher.publish(CHANGES, {2: [Outgoing(b"k", b"{}") for _ in range(3)]})
    await publisher.stop()
    await cut_head(settings, CHANGES, 2, 1)

    with pytest.raises(LogMismatchError, match=r"tickets.changes\[2\]: the log begins at 1"):
        await rebuild_state(settings, mongo, progress=lambda *_: None)
    assert not [n for n in await mongo.database.list_collection_names() if "_rebuild" in n]
