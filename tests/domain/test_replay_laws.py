"""Laws of a replay: what was folded in once adds nothing, what was lost is made good."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.changes import decide
from domain.records import Deleted, Observed
from domain.ticket_state import REMEMBERED_IDS, TicketState
from tests.domain.strategies import deleted, folded, lives, log_of, observed, unseen

Life = list[Observed | Deleted]
FORGOTTEN = b"\x00" * 8 * REMEMBERED_IDS


def _replayed(records: Sequence[Observed | Deleted]) -> Life:
    return [replace(r, provenance=replace(r.provenance, cause="replay")) for r in records]


def _with_id(record: Observed | Deleted, event_id: str) -> Observed | Deleted:
    return replace(record, provenance=replace(record.provenance, event_id=event_id))


def _end(records: Sequence[Observed | Deleted]) -> TicketState:
    return folded(records)[-1].state


@given(lives(max_size=31), st.integers(0, 30), st.booleans())
def test_what_was_folded_in_adds_nothing_whether_its_id_is_remembered_or_not(
    life: Life, begin: int, forgetful: bool
) -> None:
    if forgetful:
        life = [_with_id(record, f"o{place}") for place, record in enumerate(life)]
    known = _end(life)
    state = replace(known, recent=FORGOTTEN) if forgetful else known

    decisions = folded([*_replayed(life[begin:]), *_replayed(life)], state)

    assert [decision.event for decision in decisions if decision.event] == []
    assert decisions[-1].state is state


@given(lives(max_size=15), st.data())
def test_lost_records_count_as_if_they_came_late(life: Life, data: st.DataObject) -> None:
    lost = data.draw(st.sets(st.integers(0, len(life) - 1)))
    kept = [record for place, record in enumerate(life) if place not in lost]

    replay = _replayed(life)
    expected, found = log_of([*kept, *life]), log_of([*kept, *replay])

    assert [replace(event, cause="x") for event in found] == [
        replace(event, cause="x") for event in expected
    ]
    assert {event.cause for event in found[len(log_of(kept)) :]} <= {"replay"}


def test_of_a_ticket_that_forgot_ids_only_what_is_newer_is_believed() -> None:
    """Its `updated_at` may look new although it never was."""
    life: Life = [
        observed(1, 1, status="open"),
        observed(2, 20, status="open"),
        observed(3, 15, status="closed"),
    ]
    state = replace(_end(life), recent=FORGOTTEN)
    old, new = _replayed([life[1], observed(4, 21, status="pending")])

    assert decide(state, life[1]).outcome == "updated"
    assert decide(state, old).outcome == "stale"
    assert decide(state, new).outcome == "updated"


def test_a_deletion_that_a_crawl_found_is_still_of_its_own_source_only() -> None:
    state = _end([observed(1, sender="crm")])
    (gone,) = _replayed([deleted(2, sender="http://desk", job_id="run-1")])

    assert decide(state, gone).outcome == "void"
    assert decide(unseen(), gone).outcome == "void"


def test_a_deletion_that_a_crawl_found_is_not_believed_again_where_ids_are_forgotten() -> None:
    """It left no trace when it was of another source's ticket, which its own showed later."""
    life: Life = [deleted(3, job_id="run-1"), observed(2)]
    known = _end(life)
    state = replace(known, recent=FORGOTTEN)
    (gone, _) = _replayed(life)

    assert known.version == 1
    assert decide(state, gone).state is state
    assert decide(replace(unseen(), recent=FORGOTTEN), gone).outcome == "stale"
