"""Laws of change detection: true of every life that a ticket may have."""

import random
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from domain.comparison import COMPARED
from domain.events import ChangeEvent, Ticket, decode, encode
from domain.identity import change_event_id
from domain.instants import rfc3339
from domain.records import Deleted, Observed
from domain.ticket_state import TicketState, relearn
from tests.domain.strategies import at, deleted, folded, lives, log_of, observed

Life = list[Observed | Deleted]
SHOWN = (*COMPARED, "deleted_at", "urgency", "sentiment", "requires_action")


def _end(records: Sequence[Observed | Deleted]) -> TicketState:
    return folded(records)[-1].state


@given(lives())
def test_replaying_the_log_gives_the_ticket_of_the_state(life: Life) -> None:
    fields: dict[str, object] = {}
    for event in log_of(life):
        if event.type == "created":
            fields = _fields(event.ticket)
        fields |= {change.field: change.new for change in event.changes}

    ticket = _end(life).ticket
    assert fields == ({} if ticket is None else _fields(ticket))


def _fields(ticket: Ticket) -> dict[str, object]:
    values = {name: getattr(ticket, name) for name in SHOWN}
    return {n: rfc3339(v) if isinstance(v, datetime) else v for n, v in values.items()}


@given(lives())
def test_the_changes_of_an_event_are_exactly_what_differs(life: Life) -> None:
    log = log_of(life)

    for before, after in pairwise(log):
        names = {change.field for change in after.changes}
        assert names & set(COMPARED) == {
            name for name in COMPARED if getattr(before.ticket, name) != getattr(after.ticket, name)
        }


@given(lives())
def test_versions_count_from_one_without_gaps(life: Life) -> None:
    log = log_of(life)

    assert [event.version for event in log] == list(range(1, len(log) + 1))
    assert [event.id for event in log] == [change_event_id("acme:T-1", e.version) for e in log]


@given(lives())
def test_events_alternate_as_a_life_does(life: Life) -> None:
    live = False
    for event in log_of(life):
        assert live is (event.type in ("updated", "deleted"))
        assert (event.type == "created") is (event.version == 1)
        assert (event.ticket.deleted_at is None) is (event.type != "deleted")
        live = event.type != "deleted"
    assert _end(life).is_live is live


@given(lives())
def test_the_same_records_give_the_same_bytes(life: Life) -> None:
    log = [encode(event) for event in log_of(life)]

    assert [encode(event) for event in log_of(life)] == log
    assert [decode(value) for value in log] == log_of(life)


@given(lives(max_size=31), st.data())
def test_a_record_that_comes_twice_counts_once(life: Life, data: st.DataObject) -> None:
    """At once, or later while the ticket remembers it."""
    twice: Life = list(life)
    for record in life:
        place = twice.index(record) + 1
        twice.insert(data.draw(st.integers(place, len(twice))), record)
        if len({r.provenance.event_id for r in twice}) > 32:
            return

    assert log_of(twice) == log_of(life)
    assert _end(twice) == _end(life)


@given(lives(), st.integers(0, 9))
def test_a_deletion_never_beats_a_later_observation(life: Life, time: int) -> None:
    last = observed(100, event_id="last")

    state = _end([*life, last, deleted(100 - time, event_id="late")])

    assert state.is_live


@given(lives(), st.integers(0, 9))
def test_an_observation_never_beats_a_later_deletion(life: Life, time: int) -> None:
    late = observed(100 - time, 200, status="late", event_id="late")

    assert not _end([*life, deleted(100, event_id="last"), late]).is_live


@given(st.integers(2, 12), st.randoms(use_true_random=False), st.data())
def test_two_raw_partitions_may_be_interleaved_in_any_way(
    count: int, chance: random.Random, data: st.DataObject
) -> None:
    """Observations with distinct times, updates and contents end in the same ticket."""
    life = [observed(n, n, status=f"s{n}", event_id=f"e{n}") for n in range(count)]
    sides = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    left = [r for r, side in zip(life, sides, strict=True) if side]
    right = [r for r, side in zip(life, sides, strict=True) if not side]
    merged: Life = []
    while left or right:
        merged.append((left if left and (not right or chance.random() < 0.5) else right).pop(0))

    ends = [_end(merged), _end(life)]

    assert ends[0].ticket == ends[1].ticket
    assert ends[0].observed_at == ends[1].observed_at == at(count - 1)


@given(lives())
def test_labels_stay_while_the_text_stays(life: Life) -> None:
    log = log_of(life)

    for before, after in pairwise(log):
        if _text(before) == _text(after):
            assert after.ticket.classification == before.ticket.classification
            assert after.ticket.urgency == before.ticket.urgency


@given(lives())
def test_only_an_event_moves_the_version_and_the_ticket(life: Life) -> None:
    state = TicketState(tenant_id="acme", external_id="T-1")
    for decision in folded(life):
        if decision.event is None:
            assert decision.state.version == state.version
            assert decision.state.ticket == state.ticket
            assert decision.state.changed_at == state.changed_at
        else:
            assert decision.event.version == decision.state.version == state.version + 1
            assert decision.event.ticket == decision.state.ticket
        assert len(decision.state.recent) <= 32 * 8
        state = decision.state


@given(lives(), st.integers(0, 20))
def test_a_state_of_any_age_learns_from_the_log_what_it_once_wrote(life: Life, age: int) -> None:
    decisions = folded(life)
    state = decisions[:age][-1].state if age else TicketState(tenant_id="acme", external_id="T-1")
    for event in log_of(life):
        state = relearn(state, event)

    end, known = decisions[-1].state, decisions[:age][-1:]
    assert (state.version, state.ticket, state.changed_at) == (
        end.version,
        end.ticket,
        end.changed_at,
    )
    assert state.version == 0 or state.is_live is end.is_live
    assert not known or known[0].state.version < end.version or state is known[0].state


def _text(event: ChangeEvent) -> tuple[str, str]:
    return event.ticket.subject, event.ticket.message
