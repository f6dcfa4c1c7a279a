"""When a state agrees with the log: always if it was folded, never if it was tampered with."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.records import Deleted, Observed
from domain.state_agreement import disagreements
from domain.ticket_state import TicketState, relearn
from tests.domain.strategies import at, deleted, folded, lives, log_of, observed, unseen

Life = list[Observed | Deleted]


def _told(life: Life) -> TicketState | None:
    state = None
    for event in log_of(life):
        state = relearn(state or unseen(), event)
    return state


@given(lives(), st.booleans())
def test_what_was_folded_agrees_and_so_does_what_the_log_alone_tells(
    life: Life, learnt: bool
) -> None:
    told = _told(life)
    state = told if learnt else folded(life)[-1].state

    assert disagreements(state, told) == ()


LIFE: Life = [observed(1), observed(2, status="closed"), deleted(3)]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"version": 2}, ("version",)),
        ({"version": 4}, ("version",)),
        ({"changed_at": at(1)}, ("changed_at",)),
        ({"observed_at": at(1)}, ("observed_at",)),
        ({"observed_at": None}, ("observed_at",)),
        ({"gone_at": None}, ("gone_at",)),
        ({"gone_at": at(2)}, ("gone_at",)),
        ({"gone_at": at(4), "observed_at": at(3)}, ()),
        ({"source": "another", "run": "run-7", "recent": b""}, ()),
    ],
)
def test_each_contradiction_is_named(fields: dict[str, Any], wrong: tuple[str, ...]) -> None:
    state = folded(LIFE)[-1].state

    assert disagreements(replace(state, **fields), _told(LIFE)) == wrong


def test_a_field_of_the_ticket_is_named() -> None:
    state = folded(LIFE)[-1].state
    assert state.ticket is not None
    ticket = replace(
        state.ticket, subject="Other", updated_at=state.ticket.updated_at + timedelta(1)
    )

    assert disagreements(replace(state, ticket=ticket), _told(LIFE)) == ("subject", "updated_at")


def test_a_state_too_few_or_too_many_is_named() -> None:
    assert disagreements(None, _told(LIFE)) == ("state",)
    assert disagreements(folded(LIFE)[-1].state, None) == ("version",)
    assert disagreements(folded([deleted(3)])[-1].state, None) == ()
    assert disagreements(None, None) == ()
