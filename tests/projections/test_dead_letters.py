"""The projector of `dead_letters`: every letter once, whatever is delivered how often."""

from collections.abc import Sequence

import pytest

from domain.errors import FenceError
from domain.topics import DEAD_LETTERS
from infra import collections, dead_letters
from infra.checkpoints import Checkpoint, Checkpoints
from infra.kafka import Outgoing, Record
from infra.mongo import Mongo
from projections.dead_letters import DeadLettersStep

pytestmark = pytest.mark.services

MIB = 1024 * 1024


class Kept:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[Outgoing] = []

    async def publish(self, topic: str, records: dict[int, Sequence[Outgoing]]) -> dict[int, int]:
        """The publisher's port."""
        self.records += [record for some in records.values() for record in some]
        return {}


async def _record(offset: int, raw: int, value: bytes = b"{", at: int = 1000) -> Record:
    """The dead letter at `offset`, of the raw record at `raw`."""
    original = Record(2, raw, b"acme:T-1", value, (("trace", b"x"),), 500)
    kept = Kept()
    letter = dead_letters.of_record("tickets.raw", original, f"no good: {raw}")
    await dead_letters.send(kept, [letter], 4)  # type: ignore[arg-type]
    (sent,) = kept.records
    return Record(0, offset, sent.key, sent.value, sent.headers, at)


async def _step(mongo: Mongo) -> tuple[DeadLettersStep, dict[int, Checkpoint]]:
    checkpoints = Checkpoints(mongo, "dead_letters", DEAD_LETTERS)
    await checkpoints.create({0: 0})
    step = DeadLettersStep(mongo, checkpoints)
    return step, await step.open([0])


async def test_a_repeat_counts_once_and_nobody_asks_again_what_was_dealt_with(mongo: Mongo) -> None:
    step, known = await _step(mongo)
    letters = mongo[collections.DEAD_LETTERS]
    records = [await _record(0, 7), await _record(1, 7, at=3000), await _record(2, 8)]

    known = await step.advance({0: records}, known)
    await letters.update_one({"offset": 7}, {"$set": {"state": "evicted"}})
    known = await step.advance({0: [await _record(3, 7, at=9000)]}, known)

    assert known[0].next_offset == 4
    first, second = await letters.find().sort("offset").to_list(None)
    assert (first["topic"], first["partition"], first["offset"]) == ("tickets.raw", 2, 7)
    assert (first["value"], first["headers"]) == (b"{", [["trace", b"x"]])
    assert (first["tenant_id"], first["external_id"]) == ("acme", "T-1")
    seen = (first["arrived_at"], first["first_seen"], first["last_seen"])
    assert [moment.timestamp() for moment in seen] == [0.5, 1.0, 9.0]
    assert (first["state"], second["state"]) == ("evicted", "waiting")


async def test_documents_and_checkpoint_change_together(mongo: Mongo) -> None:
    step, known = await _step(mongo)
    await step.advance({0: [await _record(0, 7)]}, known)

    with pytest.raises(FenceError):
        await step.advance({0: [await _record(0, 9)]}, known)

    assert await mongo[collections.DEAD_LETTERS].distinct("offset") == [7]


async def test_letters_of_a_mebibyte_are_stored_a_few_at_a_time(mongo: Mongo) -> None:
    step, known = await _step(mongo)
    records = [await _record(n, n, value=b"\xff" * (MIB + 1)) for n in range(20)]
    steps = 0

    while known[0].next_offset < len(records):
        known = await step.advance({0: records[known[0].next_offset :]}, known)
        steps += 1

    assert steps == 3
    letters = mongo[collections.DEAD_LETTERS]
    assert await letters.count_documents({"complete": False, "length": MIB + 1}) == 20


async def test_a_letter_that_nobody_of_ours_wrote_is_kept_and_stops_nothing(mongo: Mongo) -> None:
    step, known = await _step(mongo)
    foreign = Record(0, 0, None, None, (("length", b"many"), ("id", b"\xff")), -1)

    known = await step.advance({0: [foreign, await _record(1, 7)]}, known)

    letters = await mongo[collections.DEAD_LETTERS].find().sort("position").to_list(None)
    assert [x["position"] for x in letters] == ["tickets.dead-letters/0/0", "tickets.raw/2/7"]
