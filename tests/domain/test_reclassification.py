"""Reclassification: newer labels for the same text, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.events import ChangeEvent
from domain.labels import Labels, Match
from domain.reclassification import reclassification, reclassify
from domain.records import Deleted, Observed, Reclassified
from domain.ticket_state import TicketState, relearn
from tests.domain.strategies import ALARMED, CALM, at, deleted, folded, lives, log_of, observed

Life = list[Observed | Deleted]
CALM_AGAIN = replace(CALM, ruleset_version=3)
OTHER_EVIDENCE = replace(CALM_AGAIN, matched=(Match("thanks", "thank you"),))


def _state(*records: Observed | Deleted) -> TicketState:
    return folded(records)[-1].state


def _sent(state: TicketState, labels: Labels = ALARMED) -> Reclassified:
    record = reclassification(state, labels, at(50))
    assert record is not None
    return record


def test_newer_rules_that_say_something_else_are_one_event() -> None:
    state = _state(observed(1))

    decision = reclassify(state, _sent(state))

    event = decision.event
    assert event is not None
    assert (event.type, event.cause, event.version) == ("updated", "reclassify", 2)
    assert [(c.field, c.old, c.new) for c in event.changes] == [
        ("urgency", "low", "high"),
        ("sentiment", "neutral", "negative"),
        ("requires_action", False, True),
    ]
    assert event.ticket.classification.ruleset_version == 2
    assert decision.state == replace(state, version=2, ticket=event.ticket)


def test_a_second_time_it_changes_nothing() -> None:
    state = _state(observed(1))
    record = _sent(state)
    after = reclassify(state, record).state

    assert reclassify(after, record).state is after
    assert reclassification(after, ALARMED, at(60)) is None


@pytest.mark.parametrize(
    ("meanwhile", "applies"),
    [
        (observed(2, message="Another text."), False),
        (observed(2, status="closed"), True),
        (deleted(2), False),
    ],
)
def test_what_happened_meanwhile_counts(meanwhile: Observed | Deleted, applies: bool) -> None:
    record = _sent(_state(observed(1)))
    state = _state(observed(1), meanwhile)

    assert (reclassify(state, record).event is not None) is applies


def test_rules_that_are_not_newer_are_not_applied() -> None:
    state = _state(observed(1, labels=ALARMED))

    assert reclassification(state, replace(CALM, ruleset_version=2), at(50)) is None
    assert reclassification(state, replace(CALM, ruleset_version=1), at(50)) is None


def test_a_version_alone_is_no_event_and_holds_no_later_one_up() -> None:
    state = _state(observed(1))

    assert reclassification(state, CALM_AGAIN, at(50)) is None
    assert reclassification(state, OTHER_EVIDENCE, at(50)) is not None
    assert reclassification(state, replace(ALARMED, ruleset_version=4), at(50)) is not None


def test_tickets_that_are_gone_or_never_seen_keep_out() -> None:
    assert reclassification(_state(observed(1), deleted(2)), ALARMED, at(50)) is None
    assert reclassification(_state(deleted(2)), ALARMED, at(50)) is None


@given(lives(), lives(), st.integers(0, 40))
def test_what_sources_show_counts_as_if_nobody_had_reclassified(
    before: Life, after: Life, age: int
) -> None:
    """And whoever learns it from the log knows the same."""
    later = [replace(r, provenance=replace(r.provenance, event_id=f"l{n}"))
             for n, r in enumerate(after)]  # fmt: skip
    state = _state(*before)
    record = reclassification(state, replace(ALARMED, ruleset_version=9), at(50))
    event = reclassify(state, record).event if record else None
    relabelled = reclassify(state, record).state if record else state

    plain, marked = folded(later, state), folded(later, relabelled)

    assert [d.outcome for d in marked] == [d.outcome for d in plain]
    log = [*log_of(before), *([event] if event else []), *(d.event for d in marked if d.event)]
    _check_learning(log, marked[-1].state, age)


def _check_learning(log: list[ChangeEvent], end: TicketState, age: int) -> None:
    state = TicketState(tenant_id="acme", external_id="T-1")
    for event in [*log[:age], *log]:
        state = relearn(state, event)
    assert (state.version, state.ticket, state.changed_at) == (
        end.version,
        end.ticket,
        end.changed_at,
    )
