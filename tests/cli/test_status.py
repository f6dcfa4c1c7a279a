"""`deskstream status`: lag, runs that are on, and what stands still."""

import json
import signal
import time

import pytest

from dev.ports import free_port
from domain.topics import CHANGES, RAW
from infra import collections
from infra.checkpoints import Advance, Checkpoints
from infra.jobs import Jobs
from infra.kafka import Outgoing
from infra.lag import CONSUMERS, read_lag
from infra.log_reader import LogReader
from infra.mongo import Mongo
from infra.publisher import Publisher
from infra.settings import Settings
from tests.cli.commands import PATIENCE, Deskstream

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]


async def append(settings: Settings, topic: str, count: int) -> None:
    publisher = Publisher(settings)
    await publisher.publish(topic, {1: [Outgoing(b"k", b"%d" % n) for n in range(count)]})
    await publisher.stop()


async def advance(mongo: Mongo, consumer: str, topic: str, offset: int) -> Checkpoints:
    checkpoints = Checkpoints(mongo, consumer, topic)
    await checkpoints.create({1: 0})
    known = (await checkpoints.load([1]))[1]
    await checkpoints.advance([Advance(known, offset, None)])
    return checkpoints


async def test_lag_is_what_lies_beyond_the_checkpoint(settings: Settings, mongo: Mongo) -> None:
    await append(settings, RAW, 5)
    begun = time.time()
    await advance(mongo, "classifier", RAW, 3)
    reader = LogReader(settings)

    lags = {(lag.consumer, lag.partition): lag for lag in await read_lag(mongo, reader)}
    await reader.stop()

    behind = lags.pop(("classifier", 1))
    assert (behind.next_offset, behind.end_offset, behind.events) == (3, 5, 2)
    assert behind.seconds is not None
    assert 0 < behind.seconds < time.time() - begun + 5
    assert all(lag.events == 0 and lag.seconds == 0 for lag in lags.values())
    assert len(lags) == 4 * settings.kafka_partitions  # and one partition of ingestion.events


async def test_a_consumer_that_never_ran_has_everything_before_it(
    settings: Settings, mongo: Mongo
) -> None:
    await append(settings, CHANGES, 4)
    reader = LogReader(settings)

    lags = await read_lag(mongo, reader)
    await reader.stop()

    assert {(lag.consumer, lag.topic) for lag in lags} == set(CONSUMERS)
    assert [(lag.consumer, lag.partition, lag.events) for lag in lags if lag.events] == [
        ("tickets", 1, 4)
    ]


async def test_a_checkpoint_that_the_log_does_not_reach_has_no_age(
    settings: Settings, mongo: Mongo
) -> None:
    await append(settings, RAW, 2)
    await advance(mongo, "classifier", RAW, 7)
    reader = LogReader(settings)

    lags = await read_lag(mongo, reader)
    await reader.stop()

    ahead = next(lag for lag in lags if (lag.consumer, lag.partition) == ("classifier", 1))
    assert (ahead.events, ahead.seconds) == (0, None)


async def test_status_shows_all_that_goes_on_and_all_that_stands_still(
    deskstream: Deskstream, settings: Settings, mongo: Mongo
) -> None:
    await append(settings, RAW, 2)
    checkpoints = await advance(mongo, "classifier", RAW, 1)
    await checkpoints.halt(1, "the record before 1 is another one")
    jobs = Jobs(mongo, lease_seconds=60, partitions=settings.kafka_partitions)
    job = await jobs.request("acme")
    rows = [{"key": "acme:1", "tenant_id": "acme", "value": b""} for _ in range(2)]
    await mongo[collections.PARKED].insert_many(rows)

    shown = deskstream.json("status")
    printed = deskstream.run("status").stdout

    assert shown["lag_events"] == 1
    assert [(h["consumer"], h["partition"]) for h in shown["halted"]] == [("classifier", 1)]
    assert [(j["job_id"], j["tenant_id"], j["phase"]) for j in shown["jobs"]] == [
        (job["_id"], "acme", "queued")
    ]
    assert shown["parked"] == [{"key": "acme:1", "events": 2}]
    for text in (job["_id"], "acme:1", "classifier stands still on tickets.raw[1]"):
        assert text in printed


async def test_a_watched_status_is_a_line_a_look_with_rates(
    deskstream: Deskstream, settings: Settings, mongo: Mongo
) -> None:
    await append(settings, RAW, 4)
    await advance(mongo, "classifier", RAW, 1)
    watched = deskstream.start("status", "--watch", "0.2", "--json")
    assert watched.stdout is not None
    first = json.loads(watched.stdout.readline())
    await advance(mongo, "classifier", RAW, 4)

    rates: list[float] = []
    while not any(rates):
        rates.append(json.loads(watched.stdout.readline())["rates"]["classifier:1"])
    watched.send_signal(signal.SIGINT)
    _, errors = watched.communicate(timeout=PATIENCE)

    assert (first["lag_events"], first["rates"]) == (3, {})
    assert (watched.returncode, errors) == (0, "")


def test_engines_that_are_down_are_a_line_and_no_end() -> None:
    nowhere = {"MONGODB_URI": f"mongodb://127.0.0.1:{free_port()}/?replicaSet=rs0"}
    watched = Deskstream(nowhere).start("status", "--watch", "0.1", "--json")
    assert watched.stdout is not None

    said = json.loads(watched.stdout.readline())
    assert watched.poll() is None
    watched.send_signal(signal.SIGINT)
    _, errors = watched.communicate(timeout=PATIENCE)

    assert said["error"].startswith("MongoDB")
    assert (watched.returncode, errors) == (0, "")
