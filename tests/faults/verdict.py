"""The judge of a disturbed run: starts from the inputs, and trusts neither state nor documents."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition

from domain.topics import CHANGES, CLASSIFIED, DEAD_LETTERS, RAW, RUN_EVENTS
from infra import collections
from infra.kafka import plain_consumer
from infra.log_reader import LogReader
from infra.log_scan import LogScan
from infra.mongo import Mongo
from infra.read_models import active
from infra.settings import Settings
from projections.digest_scan import read_digests
from projections.verification import verify_live
from projections.verification_task import Sources
from tests import oracle
from tests.faults.feed import FeedRecord

Event = dict[str, Any]

_CONSUMERS = {
    "classifier": RAW,
    "sync": CLASSIFIED,
    "tickets": CHANGES,
    "ingestion_logs": RUN_EVENTS,
    "dead_letters": DEAD_LETTERS,
}


class Judgement(NamedTuple):
    """What is wrong: with consumers that lag, with the log, with the read models."""

    behind: list[str]
    log: list[str]
    models: list[str]

    @property
    def findings(self) -> list[str]:
        """All of it."""
        return [*self.behind, *self.log, *self.models]


async def judged(
    settings: Settings,
    mongo: Mongo,
    records: Iterable[FeedRecord],
    *,
    patience: float,
    crawls: bool,
) -> Judgement:
    """The verdict on a deployment that was fed `records`, once nothing moves any more.

    The log is held against the naive fold of the records, the read models against that of the
    log.  Without `crawls`, the events of crawls are no part of the first.
    """
    behind = await until_still(settings, mongo, patience)
    events, wrong = deduplicated(await read_log(settings))
    of_records = {id_: e for id_, e in events.items() if crawls or e["cause"] != "crawl"}
    found = {id_: oracle.recorded(event) for id_, event in of_records.items()}
    wrong += gaps(events) + differences("event", expected_events(records), found)
    return Judgement(
        [f"{name} lags by {count}" for name, count in behind.items()],
        wrong,
        await _wrong_models(settings, mongo, events.values()),
    )


async def _wrong_models(settings: Settings, mongo: Mongo, events: Iterable[Event]) -> list[str]:
    """Where read models and digests differ from the naive fold of the log, and from `verify`."""
    tickets, history = oracle.naive_documents(events)
    entries = {entry["_id"]: entry for entry in history}
    wrong = differences("ticket", tickets, await _documents(mongo, collections.TICKETS))
    wrong += differences("history", entries, await _documents(mongo, collections.TICKET_HISTORY))
    parked = await mongo[collections.PARKED].distinct("_id")
    wrong += [f"{id_} is parked" for id_ in parked]
    digests = await read_digests(mongo, None, scan=True)
    wrong += [f"digest of {d.model} of {d.tenant_id}" for d in digests if not d.agrees]
    wrong += await _wrong_letters(settings, mongo)
    return wrong + await _verified(settings, mongo)


async def _wrong_letters(settings: Settings, mongo: Mongo) -> list[str]:
    """Dead letters of the topic that are no document, and documents that no letter explains."""
    scan = LogScan(settings)
    written = set()
    try:
        for partition, end in (await ends(settings, DEAD_LETTERS)).items():
            async for records in scan.batches(DEAD_LETTERS, partition, 0, end):
                written |= {dict(record.headers)["id"].decode() for record in records}
    finally:
        await scan.stop()
    kept = set(await mongo[collections.DEAD_LETTERS].distinct("_id"))
    return [f"dead letter {id_} is on one side only" for id_ in written ^ kept]


async def _verified(settings: Settings, mongo: Mongo) -> list[str]:
    """What `deskstream verify` says."""
    reader, scan = LogReader(settings), LogScan(settings)
    try:
        sources = Sources(mongo, reader, scan)
        report = await verify_live(sources, tenant=None, watch=lambda _: None)
    finally:
        await scan.stop()
        await reader.stop()
    return [f"verify: {found}" for found in (*report.differences, *report.unchecked)]


async def _documents(mongo: Mongo, model: str) -> dict[str, Any]:
    name = (await active(mongo))[model]
    return {document["_id"]: document async for document in mongo[name].find({}, {"digest": 0})}


def expected_events(records: Iterable[FeedRecord]) -> dict[str, oracle.Event]:
    """The naive fold of the inputs, by `tenant:external_id:version`."""
    offsets: Counter[int] = Counter()
    inputs = []
    for record in records:
        inputs.append(oracle.decoded(record.partition, offsets[record.partition], 0, record.value))
        offsets[record.partition] += 1
    return {
        f"{key}:{event['version']}": event
        for key, log in oracle.naive_log(inputs).items()
        for event in log
    }


async def send(settings: Settings, records: Iterable[FeedRecord], rate: float = 0.0) -> None:
    """Write a feed to `tickets.raw`, at `rate` records per second, or as fast as possible."""
    loop = asyncio.get_running_loop()
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers, enable_idempotence=True, linger_ms=5
    )
    await producer.start()
    try:
        began = loop.time()
        for number, record in enumerate(records):
            if rate and (ahead := number / rate - (loop.time() - began)) > 0:
                await asyncio.sleep(ahead)
            await producer.send(
                settings.topic(RAW), record.value, key=record.key, partition=record.partition
            )
    finally:
        await producer.stop()


async def ends(settings: Settings, topic: str) -> dict[int, int]:
    """The end offset of each partition of a topic."""
    consumer = plain_consumer(settings)
    try:
        await consumer.start()
        count = 1 if topic == RUN_EVENTS else settings.kafka_partitions
        places = [TopicPartition(settings.topic(topic), p) for p in range(count)]
        return {p.partition: end for p, end in (await consumer.end_offsets(places)).items()}
    finally:
        await consumer.stop()


async def lag(settings: Settings, mongo: Mongo) -> dict[str, int]:
    """Records ahead of each consumer's checkpoints."""
    found: dict[str, int] = {}
    for consumer, topic in _CONSUMERS.items():
        wanted = {"consumer": consumer, "topic": topic}
        reached = {
            d["partition"]: d["next_offset"] async for d in mongo["checkpoints"].find(wanted)
        }
        last = await ends(settings, topic)
        found[consumer] = sum(end - reached.get(p, 0) for p, end in last.items())
    return found


async def until_still(settings: Settings, mongo: Mongo, seconds: float) -> dict[str, int]:
    """Wait until no consumer lags, at most so long; return what lags still."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    still = 0
    while True:
        behind = {name: count for name, count in (await lag(settings, mongo)).items() if count}
        still = 0 if behind else still + 1
        if still == 2 or loop.time() > deadline:
            return behind
        await asyncio.sleep(0.3)


async def read_log(
    settings: Settings, topic: str = CHANGES
) -> list[tuple[int, bytes | None, bytes]]:
    """Every record of a topic: partition, key, value, in the order of each partition."""
    consumer = plain_consumer(settings)
    try:
        await consumer.start()
        found: list[tuple[int, bytes | None, bytes]] = []
        for partition, end in (await ends(settings, topic)).items():
            place = TopicPartition(settings.topic(topic), partition)
            consumer.assign([place])
            consumer.seek(place, 0)
            while await consumer.position(place) < end:
                some = await consumer.getmany(place, timeout_ms=500)
                found += [(partition, r.key, r.value) for r in some.get(place, ())]
        return found
    finally:
        await consumer.stop()


async def landed(settings: Settings) -> list[FeedRecord]:
    """Every record of `tickets.raw`, whoever wrote it."""
    return [FeedRecord(*record) for record in await read_log(settings, RAW)]


async def repeat_log(settings: Settings, count: int) -> None:
    """Write the first records of the log once more, as duplicates that come very late."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)
    await producer.start()
    try:
        for partition, key, value in (await read_log(settings))[:count]:
            await producer.send_and_wait(
                settings.topic(CHANGES), value, key=key, partition=partition
            )
    finally:
        await producer.stop()


def deduplicated(
    log: Iterable[tuple[int, bytes | None, bytes]],
) -> tuple[dict[str, Event], list[str]]:
    """The log's change events by `key:version`, in first order, and what is wrong with repeats."""
    events: dict[str, bytes] = {}
    wrong = []
    for _, key, value in log:
        if key is None:
            continue
        event = json.loads(value)
        id_ = f"{key.decode()}:{event['version']}"
        if events.setdefault(id_, value) != value:
            wrong.append(f"{id_} was written twice with different content")
    return {id_: json.loads(value) for id_, value in events.items()}, wrong


async def log_of(settings: Settings) -> dict[str, Event]:
    """The change events of the feed by `key:version`; what crawls made has ids of its own runs."""
    events, _ = deduplicated(await read_log(settings))
    return {id_: event for id_, event in events.items() if event["cause"] != "crawl"}


def gaps(events: Iterable[str]) -> list[str]:
    """Tickets whose versions are not 1..n in the order of the log."""
    last: dict[str, int] = {}
    wrong = []
    for id_ in events:
        key, _, version = id_.rpartition(":")
        if int(version) != last.get(key, 0) + 1:
            wrong.append(f"{key}: version {version} follows {last.get(key, 0)}")
        last[key] = int(version)
    return wrong


def differences(name: str, expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What is missing, surplus or different, by key."""
    wrong = [f"{name} {key}: missing" for key in expected.keys() - found.keys()]
    wrong += [f"{name} {key}: surplus" for key in found.keys() - expected.keys()]
    wrong += [
        f"{name} {key}: {_first_difference(expected[key], found[key])}"
        for key in expected.keys() & found.keys()
        if expected[key] != found[key]
    ]
    return wrong


def _first_difference(expected: Any, found: Any) -> str:
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in {**expected, **found}:
            if expected.get(name) != found.get(name):
                return f"{name}: expected {expected.get(name)!r}, found {found.get(name)!r}"
    return f"expected {expected!r}, found {found!r}"
