"""What a redrive makes of letters of every origin, on a real Kafka and a real MongoDB."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from domain.cloudevents import RawRecord
from domain.records import Origin, RunEnded, encode_record
from domain.redriving import redrive_marks
from domain.topics import CHANGES, CLASSIFIED, DEAD_LETTERS, RAW, RUN_EVENTS
from infra import dead_letters
from infra.dead_letters import DeadLetter
from infra.kafka import Outgoing, Record
from infra.letters import Letters, Selection, store_letters
from infra.log_reader import LogReader
from infra.mongo import Mongo
from infra.publisher import Publisher
from infra.rules import default_classifier
from infra.settings import Settings
from projections.dead_letters import read_record
from streams.classifier import classified
from streams.redrive import Redrive
from streams.redrive_plan import Planned, RedrivePlan
from tests.integration.pipeline import observed

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]


class Desk:
    """Letters that are kept, planned and redriven; no worker takes what is sent."""

    def __init__(self, settings: Settings, mongo: Mongo) -> None:
        self.settings = settings
        self.mongo = mongo
        self.letters = Letters(mongo)
        self.reader = LogReader(settings)
        self.publisher = Publisher(settings)

    async def keep(self, *letters: DeadLetter) -> list[str]:
        """Send letters, read them back from Kafka and store them; return their ids."""
        ids = []
        for letter in letters:
            await dead_letters.send(self.publisher, [letter], 1)
            end = (await self.reader.bounds(DEAD_LETTERS, [0]))[0][1]
            (record,), _ = await self.reader.read(DEAD_LETTERS, 0, end - 1, end)
            read = read_record(record)
            ids.append(read.id)
            async with await self.mongo.start_session() as session:
                await store_letters(self.mongo, [read], session)
        return ids

    async def plan(self, selection: Selection, *, skip: bool = False) -> dict[str, Planned]:
        return await self._walk(selection, skip=skip, send=False)

    async def redrive(self, selection: Selection, *, skip: bool = False) -> dict[str, Planned]:
        return await self._walk(selection, skip=skip, send=True)

    async def raw(self) -> list[Record]:
        """Everything on `tickets.raw`."""
        found = []
        for partition in range(self.settings.kafka_partitions):
            end = (await self.reader.bounds(RAW, [partition]))[partition][1]
            found += (await self.reader.read(RAW, partition, 0, end))[0] if end else []
        return found

    async def _walk(self, selection: Selection, *, skip: bool, send: bool) -> dict[str, Planned]:
        plan = RedrivePlan(
            self.mongo,
            self.reader,
            default_classifier(),
            selection,
            partitions=self.settings.kafka_partitions,
            skip=skip,
        )
        redrive = Redrive(self.letters, plan, self.publisher)
        walk = redrive.redriven(selection) if send else redrive.planned(selection)
        return {one.letter.id: one async for some in walk for one in some}


@pytest.fixture
async def desk(settings: Settings, mongo: Mongo) -> AsyncIterator[Desk]:
    made = Desk(settings, mongo)
    yield made
    await made.reader.stop()
    await made.publisher.stop()


def _refused(offset: int, value: bytes, **changes: Any) -> DeadLetter:
    record = Record(1, offset, b"acme:T-1", value, (("trace", b"abc"),), 1_700_000_000_000 + offset)
    return dead_letters.of_record(RAW, record._replace(**changes), "refused then")


def _outcomes(planned: dict[str, Planned], ids: Sequence[str]) -> list[str]:
    return [planned[id_].outcome for id_ in ids]


async def test_what_is_sent_is_what_was_refused_in_the_order_in_which_it_came(desk: Desk) -> None:
    values = [observed("acme", "T-1", subject=f"{n}", event_id=f"{n}") for n in range(5)]
    ids = await desk.keep(*(_refused(9 - n, value) for n, value in enumerate(values)))

    planned = await desk.redrive(Selection(state="waiting"))

    assert _outcomes(planned, ids) == ["updated"] * 4 + ["created"]
    raw = await desk.raw()
    assert [record.value for record in raw] == values[::-1]
    assert {(record.key, record.headers[0]) for record in raw} == {(b"acme:T-1", ("trace", b"abc"))}
    assert [redrive_marks(record.headers) for record in raw] == [
        (id_, 1_700_000_000_005 + n) for n, id_ in enumerate(ids[::-1])
    ]
    noted = {record.offset: (await desk.letters.show(ids[4 - record.offset])) for record in raw}
    for record in raw:
        at = f"{RAW}/{record.partition}/{record.offset}"
        assert (noted[record.offset]["state"], noted[record.offset]["redriven_to"]) == (
            "redriven", at
        )  # fmt: skip
    assert await desk.redrive(Selection(state="waiting")) == {}
    assert _outcomes(await desk.redrive(Selection(ids=ids)), ids) == ["redriven"] * 5
    assert len(await desk.raw()) == 5


async def test_a_letter_behind_one_that_cannot_be_sent_is_held_back(desk: Desk) -> None:
    ids = await desk.keep(
        _refused(1, observed("acme", "T-1", id=None), key=b"acme:T-1"),
        _refused(2, observed("acme", "T-1", created_at="yesterday")),
        _refused(3, observed("acme", "T-1")),
        _refused(4, observed("acme", "T-2")),
        _refused(5, observed("acme", "T-3", message="x" * 2_000_000)),
        _refused(6, observed("acme", "T-4")),
        _refused(7, observed("acme", "T-4")),
    )

    every = await desk.plan(Selection(state="waiting"))
    some = await desk.plan(Selection(ids=[ids[2], ids[6]]))
    skipped = await desk.redrive(Selection(ids=[ids[2], ids[6]]), skip=True)

    assert _outcomes(every, ids) == [
        *("refused", "refused", "held_back", "created", "impossible", "created", "unchanged")
    ]
    assert every[ids[1]].why.startswith("created_at: ")
    assert "of 2000" in every[ids[4]].why
    assert _outcomes(some, [ids[2], ids[6]]) == ["held_back", "held_back"]
    assert ids[5] in some[ids[6]].why
    assert _outcomes(skipped, [ids[2], ids[6]]) == ["created", "created"]
    assert len(await desk.raw()) == 2


async def test_a_classified_record_is_made_again_of_its_raw_one(desk: Desk) -> None:
    value = observed("acme", "T-1")
    await desk.publisher.publish(RAW, {2: [Outgoing(b"k", value, (("trace", b"abc"),))]})
    raw = RawRecord(Origin(0, 2, 0), None, value, (), 1)
    there = encode_record(classified(raw, default_classifier()))
    gone = encode_record(classified(raw._replace(origin=Origin(0, 2, 1)), default_classifier()))
    place = Record(0, 5, b"acme:T-1", there, (), 1_700_000_000_000)
    ended = RunEnded("j", "acme", "SUCCESS", 0, 4, 1, Origin(0, 0, 0))
    ids = await desk.keep(
        dead_letters.of_record(CLASSIFIED, place, "undecodable then"),
        dead_letters.of_record(CLASSIFIED, place._replace(offset=6, value=gone), "the same"),
        dead_letters.of_record(CLASSIFIED, place._replace(offset=7, value=b"{"), "undecodable"),
        dead_letters.of_record(
            CLASSIFIED, place._replace(offset=8, value=encode_record(ended)), "undecodable then"
        ),
        DeadLetter(f"{CLASSIFIED}/marker/0/1/2", "run.ended: no run", None, b"RunEnded()"),
    )

    planned = await desk.redrive(Selection(state="waiting"), skip=True)

    assert _outcomes(planned, ids) == [
        "created", "impossible", "refused", "impossible", "impossible"
    ]  # fmt: skip
    sent = [record for record in await desk.raw() if redrive_marks(record.headers)]
    assert [(r.key, r.value, r.headers[0]) for r in sent] == [(b"k", value, ("trace", b"abc"))]


async def test_what_a_projector_refused_is_rebuilt_and_not_sent(desk: Desk) -> None:
    record = Record(0, 1, b"acme:T-1", b'{"kind": "change", "version": "x"}', (), 1)
    ids = await desk.keep(
        dead_letters.of_record(CHANGES, record, "undecodable"),
        dead_letters.of_record(RUN_EVENTS, record, "undecodable"),
    )

    planned = await desk.redrive(Selection(state="waiting"))

    assert _outcomes(planned, ids) == ["rebuild", "rebuild"]
    assert "rebuild of tickets" in planned[ids[0]].why
    assert "rebuild of ingestion_logs" in planned[ids[1]].why
    assert await desk.raw() == []


async def test_a_marker_returns_to_its_partition_and_a_row_needs_its_crawl(desk: Desk) -> None:
    marker = {"specversion": "1.0", "type": "run.ended", "source": "s", "id": "m", "jobid": "j"}
    data = {
        "job_id": "j", "tenant_id": "acme", "outcome": "SUCCESS",
        "partition": 1, "partitions": 4, "records": 0,
    }  # fmt: skip
    row = json.dumps(json.loads(observed("acme", "T-1"))["data"]).encode()
    ids = await desk.keep(
        _refused(1, json.dumps(marker | {"data": data}).encode(), key=None),
        DeadLetter("crawl/j/4", "refused then", None, row),
        DeadLetter("crawl/j/5", "refused then", None, b'"a row"', (
            ("source", b"http://desk"), ("job_id", b"j"),
        )),
        DeadLetter("crawl/j/6", "refused then", None, row, (
            ("source", b"http://desk"), ("job_id", b"j"),
        ), 1_700_000_000_123),
    )  # fmt: skip

    planned = await desk.redrive(Selection(state="waiting"), skip=True)

    assert _outcomes(planned, ids) == ["marker", "impossible", "refused", "created"]
    raw = {record.key: record for record in await desk.raw()}
    assert raw[None].partition == 1
    envelope = json.loads(raw[b"acme:T-1"].value or b"")
    told = (envelope["source"], envelope["id"], envelope["jobid"], envelope["time"])
    assert told == ("http://desk", "j:6", "j", "2023-11-14T22:13:20.123Z")
