"""`deskstream replay`: what got through adds nothing, what was lost is made good."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from domain.topics import CLASSIFIED, RAW
from infra.checkpoints import Advance, Checkpoints
from infra.kafka import Outgoing
from infra.log_reader import LogReader
from infra.mongo import Mongo
from infra.publisher import Publisher
from infra.settings import Settings
from streams.replay import stretch_since
from tests.cli.commands import Deskstream, is_one_line_error
from tests.faults import verdict
from tests.faults.feed import Feed, FeedRecord
from tests.faults.scenario import Scenario
from tests.integration.pipeline import eventually
from tests.oracle import recorded
from tests.stages.stages import command_line, cut_head, deskstream, events, quiet, send, stop, told

pytestmark = pytest.mark.services

SEED = 5
HOT = "north:F-0"  # has more records than a ticket remembers


@pytest.mark.faults
async def test_a_replay_of_a_sound_pipeline_adds_nothing(running: Scenario) -> None:
    """Lives of 70 records, with deletions and returns to what once was; killed, and repeated."""
    feed = Feed(SEED, running.settings.kafka_partitions, tickets=8)
    records = feed.take(240) + feed.take_older_returns(updates=40)
    await send(running, records)
    before = await verdict.read_log(running.settings)

    preview = await deskstream(running, "replay", "tickets.raw", "--from", "1h", "--dry-run")
    await _kill_in_the_middle(running)
    replayed = await deskstream(running, "replay", "tickets.raw", "--from", "1h")
    await quiet(running)
    after = await verdict.read_log(running.settings)
    later = feed.take(100)
    await send(running, later)

    assert (preview["would_change"], preview["sent"]) == ({}, 0)
    assert replayed["sent"] + replayed["refused"] == replayed["read"] == len(records)
    assert after == before
    wrong = await running.wrong(records + later)
    assert not wrong, f"{len(wrong)}: {wrong[:10]}"


async def _kill_in_the_middle(running: Scenario) -> None:
    """Begin a replay, and kill it once it has sent something."""
    begun = sum((await verdict.ends(running.settings, CLASSIFIED)).values())

    async def sent() -> int:
        return sum((await verdict.ends(running.settings, CLASSIFIED)).values()) - begun

    process = command_line(running.settings).start("replay", "tickets.raw", "--from", "1h")
    await eventually(sent, bool)
    process.kill()
    process.communicate()
    assert await sent()


@pytest.mark.faults
async def test_lost_records_are_made_good_as_if_they_came_late(running: Scenario) -> None:
    feed = Feed(SEED, running.settings.kafka_partitions, tickets=150)
    first, lost, later = feed.take(100), feed.take(400), feed.take(200)
    await send(running, first)
    await stop(running, "worker")
    await verdict.send(running.settings, lost)
    await _lose(running)
    running.start("worker")
    await send(running, later)
    begun = await events(running)

    preview = await deskstream(running, "replay", "tickets.raw", "--from", "1h", "--dry-run")
    done = await deskstream(running, "replay", "tickets.raw", "--from", "1h")
    await quiet(running)

    found = await events(running)
    added = [event for id_, event in found.items() if id_ not in begun]
    everything = [*first, *lost, *later]
    assert done["read"] == len(everything)
    assert {event["cause"] for event in added} == {"replay"}
    assert preview["would_change"] == Counter(event["type"] for event in added)
    expected = told([*first, *later], _in_raw_order(everything))
    shown = {id_: recorded(event) for id_, event in found.items()}
    wrong = verdict.differences("event", _without_hot(expected), _without_hot(shown))
    assert not wrong, f"{len(wrong)}: {wrong[:10]}"


async def _lose(running: Scenario) -> None:
    """Move the classifier behind all that is there, as a defect would that drops records."""
    checkpoints = Checkpoints(running.mongo, "classifier", RAW)
    ends = await verdict.ends(running.settings, RAW)
    known = await checkpoints.load(ends)
    await checkpoints.advance([Advance(known[p], end, None) for p, end in ends.items()])


def _in_raw_order(records: list[FeedRecord]) -> list[FeedRecord]:
    return sorted(records, key=lambda record: record.partition)


def _without_hot(found: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    return {id_: event for id_, event in found.items() if not id_.startswith(f"{HOT}:")}


@pytest.mark.usefixtures("topics")
async def test_a_replay_begins_where_the_topic_does_and_ends_where_the_classifier_stands(
    settings: Settings, mongo: Mongo
) -> None:
    publisher, reader = Publisher(settings), LogReader(settings)
    await publisher.publish(RAW, {1: [Outgoing(b"k", b"%d" % n) for n in range(10)]})
    classified = Checkpoints(mongo, "classifier", RAW)
    await classified.create({1: 8})
    now = datetime.now(UTC)
    try:
        whole = await stretch_since(reader, classified, now - timedelta(hours=1))
        await cut_head(settings, RAW, 1, 3)
        cut = await stretch_since(reader, classified, now - timedelta(hours=1))
        nothing = await stretch_since(reader, classified, now + timedelta(hours=1))
        records, _ = await reader.read(RAW, 1, 3, 4)
    finally:
        await publisher.stop()
        await reader.stop()

    assert (whole.ranges[1], whole.kept_from, whole.ahead) == ((0, 8), None, 2)
    assert cut.ranges[1] == (3, 8)
    assert cut.kept_from is not None
    assert round(cut.kept_from.timestamp() * 1000) == records[0].timestamp
    assert nothing.size == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("tickets.changes", "--from", "2h"),
        ("tickets.raw", "--from", "yesterday"),
        ("tickets.raw", "--from", "2999-01-01T00:00:00Z"),
    ],
)
def test_what_cannot_be_replayed_is_one_line(arguments: tuple[str, ...]) -> None:
    assert is_one_line_error(Deskstream({}).run("replay", *arguments), code=2)
