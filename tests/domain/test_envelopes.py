"""What a run writes to `tickets.raw`: the same bytes for the same row, whoever resumes the run."""

from datetime import timedelta
from typing import Any

from domain.cloudevents import OBSERVED, RUN_ENDED, RawRecord, Sighting, read_raw
from domain.envelopes import observed, run_ended
from domain.observations import read_ticket
from domain.records import Origin, Provenance, RunEnded
from tests.domain.golden_bytes import golden, with_future_members
from tests.domain.strategies import at

ROW: dict[str, Any] = {
    "id": 7,
    "tenant_id": "acme",
    "priority": 1,
    "subject": "Prïnter",
    "message": None,
    "status": "open",
    "created_at": "2026-01-01T10:00:00+02:00",
}
ORIGIN = Origin(0, 3, 41)
MARKER = RunEnded("j-1", "acme", "SUCCESS", 3, 8, 41)
OBSERVED_BYTES, RUN_ENDED_BYTES = golden("raw")


def _observed(row: dict[str, Any], **changes: Any) -> bytes:
    said: dict[str, Any] = {
        "source": "http://desk",
        "job_id": "j-1",
        "sequence": 5,
        "time": at(1.2345678),
    }
    return observed(row, **(said | changes))


def _read(value: bytes) -> object:
    return read_raw(RawRecord(ORIGIN, None, value, (), 0))


def test_the_bytes_of_a_row_are_what_they_were() -> None:
    assert _observed(ROW) == OBSERVED_BYTES


def test_old_bytes_of_a_row_still_mean_what_they_meant() -> None:
    time = at(1.234)
    expected = Sighting(
        ORIGIN, Provenance("http://desk", "j-1:5", time, "crawl", "j-1"), read_ticket(ROW)
    )

    assert _read(OBSERVED_BYTES) == expected
    assert _read(with_future_members(OBSERVED_BYTES)) == expected


def test_the_bytes_of_a_marker_are_what_they_were() -> None:
    assert run_ended(MARKER, source="deskstream", time=at(2)) == RUN_ENDED_BYTES
    placed = RunEnded("j-1", "acme", "SUCCESS", 3, 8, 41, ORIGIN)
    assert _read(RUN_ENDED_BYTES) == placed
    assert _read(with_future_members(RUN_ENDED_BYTES)) == placed


def test_each_row_of_a_run_has_an_id_of_its_own() -> None:
    assert _observed(ROW, sequence=6) != _observed(ROW, sequence=5)
    assert _observed(ROW, job_id="j-2") != _observed(ROW)


def test_what_the_wire_cuts_changes_no_bytes() -> None:
    assert _observed(ROW, time=at(1.2345678) + timedelta(microseconds=9)) == OBSERVED_BYTES
    assert _observed(ROW | {"invented": 1}) == OBSERVED_BYTES


def test_the_types_are_those_of_the_contract() -> None:
    assert (OBSERVED, RUN_ENDED) == ("ticket.observed", "run.ended")
