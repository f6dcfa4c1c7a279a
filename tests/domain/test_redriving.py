"""Redriven records: their cause, their time, and what an old one may not say any more."""

from typing import Any

import msgspec
import pytest

from domain.changes import decide
from domain.cloudevents import RawRecord, Sighting, read_raw
from domain.errors import RejectedRecordError
from domain.observations import MAX_RECORD_BYTES
from domain.records import Deleted, Observed, Origin
from domain.redriving import RedriveMarks, marked, redrive_marks, unmarked
from tests.domain.strategies import at, deleted, folded, observed, unseen

HEADERS = [("trace", b"abc")]
MARKS = RedriveMarks("a" * 64, 1_700_000_000_123)
ENVELOPE = {
    "specversion": "1.0",
    "type": "ticket.observed",
    "source": "crm",
    "id": "e-1",
    "data": {
        "id": "T-1",
        "tenant_id": "acme",
        "status": "open",
        "created_at": "2026-01-01T00:00:00Z",
    },
}


def _redriven(record: Any) -> Any:
    provenance = msgspec.structs.replace(record.provenance, cause="redrive")
    return msgspec.structs.replace(record, provenance=provenance)


def _raw(headers: Any, **envelope: Any) -> RawRecord:
    value = msgspec.json.encode(ENVELOPE | envelope)
    return RawRecord(Origin(0, 0, 0), None, value, headers, 1_800_000_000_000)


def test_marks_are_read_back_and_replaced_and_leave_nothing() -> None:
    once = marked(HEADERS, MARKS)
    again = marked(once, RedriveMarks("b" * 64, None))

    assert redrive_marks(HEADERS) is None
    assert redrive_marks(once) == MARKS
    assert redrive_marks(again) == RedriveMarks("b" * 64, None)
    assert unmarked(again) == HEADERS


def test_a_redriven_record_has_its_cause_and_the_time_of_its_first_arrival() -> None:
    event = read_raw(_raw(marked(HEADERS, MARKS)))

    assert isinstance(event, Sighting)
    assert event.provenance.cause == "redrive"
    assert event.provenance.time.timestamp() == 1_700_000_000.123


@pytest.mark.parametrize("arrived", [b"", b"soon", b"-1", b"9" * 400])
def test_marks_of_anybody_else_do_no_harm(arrived: bytes) -> None:
    event = read_raw(_raw([("redrive-letter", b"\xff"), ("redrive-arrived", arrived)]))

    assert isinstance(event, Sighting)
    assert event.provenance.time.timestamp() == 1_800_000_000


def test_marks_do_not_make_a_record_oversize() -> None:
    empty = len(_raw([]).value or b"")
    padding = "x" * (MAX_RECORD_BYTES - empty - len(b'"pad":"",'))

    read_raw(_raw(marked([], MARKS), pad=padding))
    with pytest.raises(RejectedRecordError, match="bytes, at most"):
        read_raw(_raw(marked([], MARKS), pad=padding + "x"))


def test_an_old_record_after_newer_ones_is_stale_and_says_not_who_saw_the_ticket_last() -> None:
    newest = folded([observed(1, job_id="old"), observed(9, subject="new", sender="app")])[-1].state
    old = _redriven(observed(5, subject="old", job_id="r", sender="desk", event_id="e"))

    decision = decide(newest, old, "the complete run before")
    again = decide(decision.state, old)

    assert (decision.outcome, decision.event, again.outcome) == ("stale", None, "repeated")
    known = msgspec.structs.replace(decision.state, recent=newest.recent)
    assert known == newest


def test_a_redriven_record_that_nothing_followed_leaves_the_state_of_one_that_never_failed() -> (
    None
):
    records: list[Observed | Deleted] = [
        observed(1, job_id="j", sender="desk"),
        observed(2, subject="b", job_id="j2", sender="desk"),
        deleted(3, job_id="j3", sender="desk"),
    ]
    for failed in range(len(records)):
        whole = folded(records[: failed + 1])[-1]
        before = folded(records[:failed])[-1].state if failed else unseen()

        redriven = decide(before, _redriven(records[failed]))

        assert redriven.state == whole.state
        assert redriven.event is not None
        assert redriven.event.cause == "redrive"
        assert msgspec.structs.replace(redriven.event, cause="crawl") == whole.event


def test_a_redriven_deletion_of_a_crawl_takes_nothing_that_upstream_showed() -> None:
    upstream = folded([observed(1, sender="app")])[-1].state
    gone = _redriven(deleted(5, job_id="j", sender="desk"))

    assert decide(upstream, gone).outcome == "void"
    assert upstream.observed_at == at(1)
