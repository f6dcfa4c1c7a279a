"""A stage: whatever a consumer delivers, the step sees each record once, in order."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.errors import AutoReconnect

from domain.errors import FenceError, NewerEventError
from domain.retry import RetryPolicy
from infra.backoff import Backoff
from infra.checkpoints import Checkpoint, record_hash
from infra.kafka import Record
from infra.stage import Stage
from tests.contracts.log import Log

TOPIC = "tickets.raw"


@dataclass
class World:
    """MongoDB and the step, in memory: what was seen, and where each checkpoint stands."""

    next_offset: dict[int, int] = field(default_factory=dict)
    last: dict[int, bytes | None] = field(default_factory=dict)
    seen: dict[int, list[Record]] = field(default_factory=dict)
    halted: dict[int, str | None] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event | None = None
    unreadable: int | None = None
    taken_partitions: set[int] = field(default_factory=set)
    was_taken: bool = False
    opened: int = 0

    async def create(self, starts: Mapping[int, int]) -> None:
        """The checkpoints' port."""
        for partition, start in starts.items():
            self.next_offset.setdefault(partition, start)

    async def halt(self, partition: int, reason: str | None) -> None:
        """The checkpoints' port."""
        self.halted[partition] = reason

    async def open(self, partitions: Iterable[int]) -> dict[int, Checkpoint]:
        """The step's port."""
        self.opened += 1
        return {p: self._checkpoint(p) for p in partitions}

    async def taken(self, checkpoints: Mapping[int, Checkpoint]) -> set[int]:
        """The step's port: what others took, they have for a moment."""
        taken, self.taken_partitions = self.taken_partitions & checkpoints.keys(), set()
        self.was_taken |= bool(taken)
        return taken

    async def advance(
        self, slices: Mapping[int, Sequence[Record]], checkpoints: Mapping[int, Checkpoint]
    ) -> dict[int, Checkpoint]:
        """The step's port: it may be fenced off, lose its answer, or find everything down."""
        self.entered.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.unreadable in slices:
            raise NewerEventError(2, 1)
        fault = self.faults.pop() if self.faults else ""
        if fault == "down":
            raise AutoReconnect("down")
        if fault == "taken":
            self.taken_partitions = set(slices)
            raise AutoReconnect("the transaction was ended by somebody else")
        stale = any(checkpoints[p].next_offset != self.next_offset[p] for p in slices)
        if fault == "fenced" or stale:
            raise FenceError("checkpoint")
        for partition, records in slices.items():
            self._take(partition, records)
        if fault == "unanswered":
            raise AutoReconnect("was it committed?")
        if fault == "stolen":
            raise FenceError("checkpoint")
        return {p: self._checkpoint(p) for p in slices}

    def _take(self, partition: int, records: Sequence[Record]) -> None:
        assert records
        for record in records:
            assert record.partition == partition
            assert record.offset >= self.next_offset[partition]
            self.seen.setdefault(partition, []).append(record)
            self.next_offset[partition] = record.offset + 1
            self.last[partition] = record_hash(record.value)

    def _checkpoint(self, partition: int) -> Checkpoint:
        return Checkpoint(
            str(partition), partition, self.next_offset[partition], self.last.get(partition)
        )


def _record(partition: int, offset: int) -> Record:
    return Record(partition, offset, None, b"%d/%d" % (partition, offset), (), 0)


def _log(*ends: int, gaps: Iterable[int] = ()) -> Log:
    return Log(
        {p: [_record(p, o) for o in range(end) if o not in gaps] for p, end in enumerate(ends)},
        dict(enumerate(ends)),
    )


def _stage(world: Any, log: Any) -> Stage:
    return Stage(TOPIC, world, world, log)


@contextmanager
def _hurried(chunk: int = 500) -> Iterator[None]:
    """Back-off without waiting; every partition counts as silent at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("infra.stage.Backoff", partial(Backoff, RetryPolicy(0.0, 0.0)))
        patch.setattr("infra.stage._CHUNK", chunk)
        patch.setattr("infra.silence._SECONDS", -1.0)
        patch.setattr("infra.withdrawal._SECONDS", -1.0)
        yield


@pytest.fixture(autouse=True)
def hurried() -> Iterator[None]:
    """Every test is in a hurry."""
    with _hurried():
        yield


def _offsets(world: World, partition: int = 0) -> list[int]:
    return [record.offset for record in world.seen.get(partition, [])]


# The law.


@st.composite
def _runs(draw: st.DrawFn) -> tuple[Log, list[tuple[str, Any]], list[str], int]:
    gaps = draw(st.sets(st.integers(0, 14)))
    log = _log(draw(st.integers(0, 15)), draw(st.integers(0, 15)), gaps=gaps)
    everything = [record for records in log.records.values() for record in records]
    some = st.lists(st.sampled_from(everything), max_size=8) if everything else st.just([])
    step = st.one_of(
        st.tuples(st.just("absorb"), some),
        st.tuples(st.just("tend"), st.sets(st.integers(0, 1))),
        st.tuples(st.just("positions"), st.sets(st.integers(0, 1))),
        st.tuples(st.just("outage"), st.integers(1, 3)),
        st.tuples(st.just("restart"), st.none()),
    )
    faults = st.lists(st.sampled_from(["", "", "down", "fenced", "unanswered", "stolen", "taken"]))
    return log, draw(st.lists(step, max_size=10)), draw(faults), draw(st.integers(1, 4))


async def _live(log: Log, steps: list[tuple[str, Any]], faults: list[str]) -> World:
    world = World(faults=faults)
    stage = _stage(world, log)
    for kind, what in steps:
        match kind:
            case "absorb":
                await stage.absorb(what)
                for record in what:
                    if not world.was_taken:
                        assert world.next_offset[record.partition] > record.offset
            case "tend":
                await _tended(stage, world, log, what)
                for partition in what:
                    assert log.records[partition] == world.seen.get(partition, [])
            case "positions":
                assert await stage.positions(what) == {p: world.next_offset[p] for p in what}
            case "outage":
                log.failures = what
            case _:
                stage = _stage(world, log)
    return world


async def _tended(stage: Stage, world: World, log: Log, partitions: set[int]) -> None:
    """Tended as often as it takes: without Kafka, silence stays unexplained."""
    disturbed = True
    while disturbed:
        disturbed, world.was_taken = bool(partitions and log.failures), False
        await stage.tend(partitions)
        disturbed |= world.was_taken


@given(_runs())
def test_the_step_sees_each_record_once_and_in_order(
    run: tuple[Log, list[tuple[str, Any]], list[str], int],
) -> None:
    log, steps, faults, chunk = run
    with _hurried(chunk):
        world = asyncio.run(_live(log, steps, faults))

    for partition, records in log.records.items():
        behind = [r for r in records if r.offset < world.next_offset.get(partition, 0)]
        assert world.seen.get(partition, []) == behind


# By example.


async def test_what_a_consumer_skipped_is_read_first() -> None:
    world = World()

    await _stage(world, _log(6)).absorb([_record(0, 5), _record(0, 2)])

    assert _offsets(world) == [0, 1, 2, 3, 4, 5]


async def test_what_is_behind_the_checkpoint_is_no_reason_to_read_ahead() -> None:
    """Else a consumer that is late once stays late: all it delivers has been read already."""
    world, log = World(), _log(9)
    stage = _stage(world, log)
    await stage.absorb([_record(0, offset) for offset in range(5)])

    await stage.absorb([_record(0, offset) for offset in range(3)])
    assert _offsets(world) == [0, 1, 2, 3, 4]
    await stage.absorb([_record(0, offset) for offset in range(4, 9)])

    assert _offsets(world) == list(range(9))


async def test_an_offset_without_a_record_is_passed_over() -> None:
    world = World()

    await _stage(world, _log(6, gaps=[0, 1, 3, 5])).absorb([_record(0, 4)])

    assert _offsets(world) == [2, 4]


async def test_what_was_never_delivered_is_fetched_in_silence() -> None:
    world = World()
    stage = _stage(world, _log(5, 3, gaps=[4]))

    await stage.tend({0, 1})

    assert (_offsets(world, 0), _offsets(world, 1)) == ([0, 1, 2, 3], [0, 1, 2])


async def test_silence_that_only_control_records_break_is_looked_into_once() -> None:
    world, log = World(), _log(3, gaps=[0, 1, 2])
    stage = _stage(world, log)
    await stage.tend({0})
    reads: list[int] = []

    async def read(*place: Any, **_: Any) -> tuple[list[Record], int]:
        reads.append(place[2])
        return [], 3

    log.read = read  # type: ignore[method-assign]
    await stage.tend({0})

    assert reads == []


async def test_without_kafka_nobody_calls_silence_a_loss() -> None:
    world, log = World(), _log(2)
    stage = _stage(world, log)
    await stage.positions({0})
    log.failures = 1

    await stage.tend({0})
    assert _offsets(world) == []

    await stage.tend({0})
    assert _offsets(world) == [0, 1]


async def test_what_somebody_took_is_left_to_him_and_caught_up_if_it_stays_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two who each end the other's transactions would both get nowhere."""
    monkeypatch.setattr("infra.withdrawal._SECONDS", 1000.0)
    world = World()
    stage = _stage(world, _log(6, 6))
    await stage.absorb([_record(0, 0), _record(1, 0)])
    world.faults, world.taken_partitions = ["down"], {0}

    await stage.absorb([_record(0, 1), _record(1, 1)])
    opened = world.opened
    await stage.absorb([_record(0, 2), _record(1, 2)])
    await stage.tend({0, 1})
    assert (_offsets(world, 0), _offsets(world, 1)) == ([0], [0, 1, 2, 3, 4, 5])
    assert world.opened == opened

    monkeypatch.setattr("infra.withdrawal.monotonic", lambda: float("inf"))
    await stage.tend({0, 1})
    assert _offsets(world, 0) == [0, 1, 2, 3, 4, 5]


async def test_whoever_is_given_a_partition_takes_it_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("infra.withdrawal._SECONDS", 1000.0)
    world = World()
    stage = _stage(world, _log(6))
    await stage.absorb([_record(0, 0)])
    world.faults, world.taken_partitions = ["down"], {0}
    await stage.absorb([_record(0, 1)])

    assert await stage.positions({0}) == {0: 1}
    await stage.absorb([_record(0, 1)])

    assert _offsets(world) == [0, 1]


async def test_a_cancelled_batch_is_taken_up_where_it_stood() -> None:
    world = World(gate=asyncio.Event())
    stage = _stage(world, _log(4))
    absorbing = asyncio.create_task(stage.absorb([_record(0, 0), _record(0, 1)]))
    await world.entered.wait()

    absorbing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await absorbing
    world.gate = None
    await stage.absorb([_record(0, 3)])

    assert _offsets(world) == [0, 1, 2, 3]


def _cut(log: Log, world: World) -> None:
    """Retention went past the checkpoint."""
    log.starts[0] = 3


def _emptied(log: Log, world: World) -> None:
    """The topic was deleted and made again."""
    log.records[0], log.ends[0] = [], 0


def _replaced(log: Log, world: World) -> None:
    """The topic was made again and has grown past the checkpoint."""
    log.records[0] = [r._replace(value=b"other") for r in log.records[0]]


BREAKS = [_cut, _emptied, _replaced]


@pytest.mark.parametrize("damage", BREAKS)
async def test_a_log_that_lost_records_halts_its_partition_only(
    damage: Callable[[Log, World], None],
) -> None:
    world, log = World(), _log(6, 6)
    await _stage(world, log).absorb([_record(0, 1), _record(1, 1)])
    damage(log, world)
    stage = _stage(world, log)

    await stage.absorb([_record(0, 5), _record(1, 5)])
    await stage.tend({0, 1})

    assert (_offsets(world, 0), _offsets(world, 1)) == ([0, 1], [0, 1, 2, 3, 4, 5])
    assert world.halted[0]
    assert not world.halted.get(1)
    assert await stage.positions({0, 1}) == {1: 6}


@pytest.mark.parametrize("damage", BREAKS)
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_partition_whose_log_is_whole_again_goes_on_and_says_so(
    damage: Callable[[Log, World], None], restarted: bool
) -> None:
    world, log = World(), _log(6)
    stage = _stage(world, log)
    await stage.absorb([_record(0, 1)])
    whole = log.records[0], log.ends[0]
    damage(log, world)
    await stage.positions({0})
    assert world.halted[0]

    (log.records[0], log.ends[0]), log.starts = whole, {}
    stage = _stage(world, log) if restarted else stage
    await stage.absorb([_record(0, 3)])

    assert _offsets(world) == [0, 1, 2, 3]
    assert world.halted[0] is None


async def test_a_range_that_vanishes_while_it_is_read_halts_the_partition() -> None:
    world, log = World(), _log(6)
    stage = _stage(world, log)
    await stage.absorb([_record(0, 1)])
    log.starts[0] = 4

    await stage.absorb([_record(0, 5)])

    assert _offsets(world) == [0, 1]
    assert world.halted[0] == "the checkpoint is at 2, the log holds 4 to 6"


async def test_an_event_of_a_later_release_halts_its_partition_until_such_a_process_comes() -> None:
    world, log = World(), _log(4, 4, 4)
    world.unreadable = 1
    stage = _stage(world, log)

    await stage.absorb([_record(0, 3), _record(1, 3), _record(2, 3)])
    for _ in range(3):
        await stage.tend({0, 1, 2})

    assert (_offsets(world, 0), _offsets(world, 2)) == ([0, 1, 2, 3], [0, 1, 2, 3])
    assert _offsets(world, 1) == []
    assert world.halted[1] == str(NewerEventError(2, 1))
    assert await stage.positions({0, 1, 2}) == {0: 4, 2: 4}

    world.unreadable = None
    await _stage(world, log).absorb([_record(1, 3)])
    assert _offsets(world, 1) == [0, 1, 2, 3]
    assert world.halted[1] is None


async def test_a_new_consumer_begins_where_the_log_does() -> None:
    world, log = World(), _log(6)
    log.starts[0] = 2

    assert await _stage(world, log).positions({0}) == {0: 2}


async def test_a_record_before_the_checkpoint_that_nobody_kept_is_no_objection() -> None:
    world, log = World(), _log(6)
    await _stage(world, log).absorb([_record(0, 1)])
    log.starts[0] = 2

    assert await _stage(world, log).positions({0}) == {0: 2}


async def test_lost_partitions_are_loaded_anew_when_they_return() -> None:
    world, log = World(), _log(6)
    stage = _stage(world, log)
    await stage.absorb([_record(0, 1)])
    await stage.tend(set())
    await _stage(world, log).absorb([_record(0, 3)])

    assert await stage.positions({0}) == {0: 4}
