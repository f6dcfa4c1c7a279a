"""The fold of a partition: against a naive second opinion, however batches are cut."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cloudevents import RawRecord, Sighting, read_raw
from domain.events import RunMarker, Tally, decode
from domain.records import ClassifiedRecord, Deleted, Observed, Origin, Refused, RunEnded
from streams.fold import PartitionFold, RunCounter
from tests.domain.strategies import CALM, deleted, lives, observed
from tests.oracle import Event, Input, naive_documents, naive_log, recorded

JOB: dict[str, Any] = {
    "phase": "applying",
    "tenant_id": "acme",
    "outcome": "SUCCESS",
    "sent": [9, 9, 9, 2],
}
MARKER = RunEnded("run-1", "acme", "SUCCESS", 3, 4, 2)


def _fold(*batches: Sequence[ClassifiedRecord], jobs: Any = None) -> PartitionFold:
    """A fold that is put away and taken up again between batches, as the sync agent does."""
    fold = PartitionFold(3, {}, {}, {}, jobs or {})
    for batch in batches:
        counters = {
            job: RunCounter(job, c.partition, c.tally, c.frozen, is_new=False)
            for job, c in fold.counters.items()
            if job in fold.counted or not c.is_new
        }
        events, refused = fold.events, fold.refused
        fold = PartitionFold(3, dict(fold.raw_high), dict(fold.states), counters, fold.jobs)
        fold.events, fold.refused = events, refused
        for record in batch:
            fold.apply(record)
    return fold


def _events(fold: PartitionFold) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for key, value, _, _ in fold.events:
        if key is not None:
            found.setdefault(key.decode(), []).append(json.loads(value))
    return found


def _tally(fold: PartitionFold, job: str = "run-1") -> Tally:
    return fold.counters[job].tally


# Against the naive log: from the bytes of `tickets.raw` on.

_second = st.integers(0, 8).map(lambda number: f"2026-01-01T00:00:0{number}Z")
_ms = st.sampled_from(["2026-01-01T00:00:04.0001Z", "2026-01-01T01:00:04+01:00"])
_instant = _second | _ms


def _without_nothing(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not ...}


_missing = st.just(...)
_data = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["T-1", "T-2", 1]),
        "tenant_id": st.just("acme"),
        "status": st.sampled_from(["open", "closed"]),
        "created_at": st.just("2026-01-01T00:00:00") | _instant,
        "updated_at": _instant | st.none() | _missing,
        "message": st.sampled_from(["", "It is down.", None]),
        "customer_id": st.sampled_from(["", None, 7, "7"]),
    }
).map(_without_nothing)
_gone = st.fixed_dictionaries(
    {
        "external_id": st.sampled_from(["T-1", "T-2", 1]),
        "tenant_id": st.just("acme"),
        "deleted_at": _instant,
    }
)
_attributes: dict[str, st.SearchStrategy[Any]] = {
    "specversion": st.just("1.0"),
    "source": st.sampled_from(["crm", "desk"]),
    "id": st.integers(0, 30).map(str),
    "time": _instant | _missing,
}
_envelopes = st.one_of(
    st.fixed_dictionaries({**_attributes, "type": st.just("ticket.observed"), "data": _data}),
    st.fixed_dictionaries({**_attributes, "type": st.just("ticket.observed"), "data": _data}),
    st.fixed_dictionaries({**_attributes, "type": st.just("ticket.deleted"), "data": _gone}),
).map(_without_nothing)


@st.composite
def _deliveries(draw: st.DrawFn) -> list[Input]:
    """Inputs of two raw partitions, each in order, with stretches delivered again."""
    stamps = st.integers(1_767_225_600_000, 1_767_225_609_000)
    made = draw(st.lists(st.tuples(st.integers(0, 1), stamps, _envelopes), max_size=25))
    inputs: list[Input] = []
    offsets = [0, 0]
    for partition, stamp, envelope in made:
        inputs.append(Input(partition, offsets[partition], stamp, envelope))
        offsets[partition] += 1
    begin = draw(st.integers(0, len(inputs)))
    return inputs + inputs[begin : draw(st.integers(begin, len(inputs)))]


def _classified(inputs: Sequence[Input]) -> list[ClassifiedRecord]:
    records: list[ClassifiedRecord] = []
    for entry in inputs:
        origin = Origin(0, entry.partition, entry.offset)
        value = json.dumps(entry.envelope).encode()
        event = read_raw(RawRecord(origin, None, value, (), entry.timestamp))
        if isinstance(event, Sighting):
            records.append(Observed(origin, event.provenance, event.ticket, CALM))
        else:
            assert isinstance(event, Deleted)
            records.append(event)
    return records


@given(_deliveries())
def test_the_log_is_what_a_naive_reading_of_the_contract_says(inputs: list[Input]) -> None:
    expected = naive_log(inputs)
    found = _events(_fold(_classified(inputs)))

    assert _recorded(found) == expected


def _recorded(found: dict[str, list[dict[str, Any]]]) -> dict[str, list[Event]]:
    return {key: [recorded(value) for value in values] for key, values in found.items()}


# Laws of the fold.


@given(lives(tickets=3), st.lists(st.integers(0, 20), max_size=4))
def test_however_batches_are_cut_the_same_is_written(
    records: list[Observed | Deleted], cuts: list[int]
) -> None:
    bounds = [0, *sorted(cuts), len(records)]
    batches = [records[a:b] for a, b in pairwise(bounds)]

    whole, cut = _fold(records, jobs={"run-1": JOB}), _fold(*batches, jobs={"run-1": JOB})

    assert whole.events == cut.events
    assert whole.states == cut.states
    assert whole.raw_high == cut.raw_high
    assert {j: c.tally for j, c in whole.counters.items()} == {
        j: c.tally for j, c in cut.counters.items()
    }


@given(lives(tickets=3), st.data())
def test_whatever_is_delivered_again_changes_nothing(
    records: list[Observed | Deleted], data: st.DataObject
) -> None:
    end = data.draw(st.integers(0, len(records)))
    begin = data.draw(st.integers(0, end))
    once = _fold(records, jobs={"run-1": JOB})

    again = _fold([*records[:end], *records[begin:end], *records[end:]], jobs={"run-1": JOB})

    assert (again.events, again.states) == (once.events, once.states)
    assert again.counters == once.counters


@given(lives(tickets=3))
def test_versions_of_a_ticket_are_1_to_n(records: list[Observed | Deleted]) -> None:
    for events in _events(_fold(records)).values():
        assert [event["version"] for event in events] == list(range(1, len(events) + 1))


@given(lives(tickets=2))
def test_what_is_touched_knows_the_version_it_had(records: list[Observed | Deleted]) -> None:
    half = len(records) // 2
    before = _fold(records[:half])
    states = dict(before.states)

    after = _fold(records[:half], records[half:])

    for key in after.touched:
        assert after.known_versions[key] == (states[key].version if key in states else -1)


@given(lives(tickets=3))
def test_every_row_of_a_run_counts_exactly_once(records: list[Observed | Deleted]) -> None:
    new = [r for r in records if r.provenance.event_id.startswith("o")]
    mine = [r for r in new if r.provenance.job_id == "run-1" and isinstance(r, Observed)]
    tally = _fold(new, jobs={"run-1": JOB}).counters.get("run-1", RunCounter("", 0)).tally

    total = sum(getattr(tally, name) for name in tally.__struct_fields__) - tally.deleted
    assert total == len(mine)


# Raw positions.


def test_the_second_of_two_raw_partitions_is_not_taken_for_the_first() -> None:
    records = [
        observed(1, origin=Origin(0, 0, 7)),
        observed(2, status="closed", origin=Origin(0, 1, 3)),
    ]

    assert len(_fold(records).events) == 2


def test_a_stub_has_no_id_but_its_position_so_its_repeat_counts_once() -> None:
    stub = Refused(Origin(0, 3, 4), "run-1", "id: nothing is no identifier")

    assert _tally(_fold([stub, stub], [stub], jobs={"run-1": JOB})) == Tally(rejected=1)


def test_a_long_life_delivered_again_is_known_by_its_positions_alone() -> None:
    life: list[ClassifiedRecord] = [
        observed(n, status=f"s{n}", origin=Origin(0, 0, n)) for n in range(100)
    ]
    life[50] = deleted(50, origin=Origin(0, 0, 50))

    assert _fold(life, life, life[60:]).events == _fold(life).events


def test_a_replay_of_old_positions_counts_under_its_new_epoch() -> None:
    records = [
        observed(1, origin=Origin(0, 0, 7)),
        observed(2, status="closed", origin=Origin(1, 0, 3)),
    ]

    assert len(_fold(records).events) == 2


# Runs.


def test_the_outcomes_of_a_run_are_counted_on_its_partition() -> None:
    records: list[ClassifiedRecord] = [
        observed(1, job_id="run-1", origin=Origin(0, 3, 0)),
        observed(1, job_id="run-1", external_id="T-2", origin=Origin(0, 3, 1)),
        observed(2, job_id="run-1", status="closed", origin=Origin(0, 3, 2)),
        observed(3, job_id="run-1", status="closed", origin=Origin(0, 3, 3)),
        Refused(Origin(0, 3, 4), "run-1", "id: nothing is no identifier"),
        deleted(5, job_id="run-1", origin=Origin(0, 3, 5)),
        observed(4, job_id="run-1", origin=Origin(0, 3, 6)),
        observed(6, job_id="run-1", origin=Origin(0, 3, 7)),
        observed(7, 0, job_id="run-1", status="solved", origin=Origin(0, 3, 8)),
        observed(7, external_id="T-3", origin=Origin(0, 3, 9)),
    ]

    assert _tally(_fold(records, jobs={"run-1": JOB})) == Tally(
        new_ingested=2, updated=1, duplicates=1, rejected=1, deleted=1, restored=1, stale=2
    )


def test_a_run_that_nobody_knows_is_not_counted() -> None:
    fold = _fold([observed(1, job_id="invented"), Refused(Origin(0, 3, 1), "invented", "?")])

    assert not fold.counted
    assert len(fold.events) == 1


def test_a_marker_freezes_the_runs_counter_and_tells_it_to_the_log() -> None:
    records: list[ClassifiedRecord] = [
        observed(1, job_id="run-1", origin=Origin(0, 3, 0)),
        MARKER,
    ]

    fold = _fold(records, [observed(2, job_id="run-1", status="late")], jobs={"run-1": JOB})

    assert fold.counters["run-1"].id == "run-1:3"
    key, value, type_, _ = fold.events[1]
    marker = decode(value)
    assert (key, type_) == (None, "run.ended")
    assert isinstance(marker, RunMarker)
    assert (marker.partition, marker.tally) == (3, Tally(new_ingested=1))
    assert _tally(fold) == Tally(new_ingested=1)


def test_a_marker_that_comes_again_is_written_once() -> None:
    again = RunEnded("run-1", "acme", "SUCCESS", 3, 4, 2, Origin(0, 3, 99))

    fold = _fold([MARKER], [MARKER, again], jobs={"run-1": JOB})

    assert (len(fold.events), fold.refused) == (1, [])


@pytest.mark.parametrize(
    ("marker", "job"),
    [
        (MARKER, None),
        (MARKER, JOB | {"phase": "fetching"}),
        (MARKER, JOB | {"phase": "completed"}),
        (RunEnded("run-1", "bolt", "SUCCESS", 3, 4, 2), JOB),
        (RunEnded("run-1", "acme", "FAILED", 3, 4, 2), JOB),
        (RunEnded("run-1", "acme", "SUCCESS", 2, 4, 2), JOB),
        (RunEnded("run-1", "acme", "SUCCESS", 3, 5, 2), JOB),
        (RunEnded("run-1", "acme", "SUCCESS", 3, 4, 3), JOB),
        (RunEnded("run-1", "acme", "SUCCESS", -1, 4, 2), JOB),
    ],
)
def test_a_marker_that_does_not_match_its_run_is_refused(
    marker: RunEnded, job: dict[str, Any] | None
) -> None:
    fold = _fold([marker], jobs={"run-1": job} if job else {})

    assert (fold.events, len(fold.refused), fold.counted) == ([], 1, set())


def test_a_forged_marker_does_not_stop_the_real_one() -> None:
    forged = RunEnded("run-1", "acme", "SUCCESS", 3, 4, 0, Origin(0, 3, 5))
    late = observed(1, job_id="run-1", origin=Origin(0, 3, 6))

    fold = _fold([forged, late, MARKER], jobs={"run-1": JOB})

    assert [event.type for event in fold.events] == ["created", "run.ended"]
    assert _tally(fold) == Tally(new_ingested=1)


# Documents: the naive reading of the log against the real one is in tests/domain.


def test_the_naive_documents_pass_over_what_they_must() -> None:
    values = [json.loads(event.value) for event in _fold([observed(1), MARKER]).events]
    late, gap = values[0], values[0] | {"version": 3}

    tickets, history = naive_documents([*values, late, gap, {"kind": "run.ended"}])

    assert [document["version"] for document in tickets.values()] == [1]
    assert [document["action"] for document in history] == ["created"]


def test_live_records_count_after_a_replay_of_old_ones() -> None:
    first = observed(1, origin=Origin(0, 0, 7))
    replayed = observed(1, origin=Origin(1, 0, 3))
    live = observed(2, status="closed", origin=Origin(0, 0, 8))

    fold = _fold([first, replayed, live, replayed])

    assert [event.type for event in fold.events] == ["created", "updated"]


def test_a_record_that_names_another_tenants_run_is_not_counted_there() -> None:
    forged = observed(1, tenant_id="other", job_id="run-1", origin=Origin(0, 3, 1))

    fold = _fold([forged], jobs={"run-1": JOB})

    assert [event.type for event in fold.events] == ["created"]
    assert not fold.counted
