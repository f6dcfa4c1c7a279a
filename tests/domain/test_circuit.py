"""The circuit breaker, rule by rule; time is an argument."""

from datetime import datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.circuit import (
    Admission,
    CircuitRules,
    CircuitState,
    CircuitStatus,
    Closed,
    HalfOpen,
    Open,
    Probe,
    admit,
    release,
    report,
    reset,
    status,
)
from tests.domain.strategies import at

RULES: Final = CircuitRules(failures=5, window=10, open_seconds=30, probe_seconds=20)


def admitted(
    state: CircuitState, now: datetime, call_id: str = "c"
) -> tuple[CircuitState, Admission]:
    """The state and the leave of a call that is let out."""
    state, admission = admit(state, RULES, now, call_id)
    assert isinstance(admission, Admission)
    return state, admission


def waiting(state: CircuitState, now: datetime) -> float:
    """In how many seconds to ask again; asking in vain changes nothing."""
    after, wait = admit(state, RULES, now, "refused")
    assert after is state
    assert isinstance(wait, float)
    return wait


def after_calls(outcomes: str, state: CircuitState | None = None) -> CircuitState:
    """The state after calls one after the other: `F` failed, `S` succeeded."""
    state = state or Closed()
    for outcome in outcomes:
        state, admission = admitted(state, at(0))
        state = report(state, RULES, admission, outcome == "S", at(0))
    return state


OPEN: Final = after_calls("FFFFF")
HALF_OPEN, PROBE = admitted(OPEN, at(30), "probe")


@pytest.mark.parametrize(
    ("outcomes", "failures"),
    [
        ("", 0),
        ("SSSSSSSSSSSSSSS", 0),
        ("FFFF", 4),
        ("FFFFSSSSSS", 4),
        ("FFFFSSSSSSS", 3),
        ("FSSSSSSSSS", 1),
        ("FSSSSSSSSSS", 0),
        ("SSSSSSSSSF", 1),
        ("FSFSFSFSSSSFSSFS", 3),
    ],
)
def test_it_stays_closed_below_five_failures_among_ten(outcomes: str, failures: int) -> None:
    state = after_calls(outcomes)

    assert isinstance(state, Closed)
    assert state.failures == failures


@pytest.mark.parametrize(
    "outcomes", ["FFFFF", "SSSSSFFFFF", "FSFSFSFSF", "FFFFSSSSSF", "SFSFSFSFSF"]
)
def test_the_fifth_failure_among_ten_opens_it(outcomes: str) -> None:
    before = after_calls(outcomes[:-1])

    state = after_calls("F", before)

    assert isinstance(state, Open)
    assert (state.era, state.failures, state.opened_at) == (before.era + 1, 5, at(0))


def test_the_fifth_failure_among_eleven_does_not() -> None:
    assert isinstance(after_calls("FFFFSSSSSSF"), Closed)


def test_a_success_changes_nothing_where_nothing_failed() -> None:
    state = after_calls("S")

    assert state == Closed()


def test_a_success_never_opens_it() -> None:
    strict = RULES._replace(failures=2)
    state, admission = admitted(after_calls("FFFF"), at(0))

    assert isinstance(report(state, strict, admission, True, at(0)), Closed)


def test_nothing_passes_while_it_is_open() -> None:
    assert waiting(OPEN, at(0)) == 30
    assert waiting(OPEN, at(29)) == 1
    assert waiting(OPEN, at(29.999)) == pytest.approx(0.001)


def test_then_exactly_one_call_passes() -> None:
    half_open, probe = admitted(OPEN, at(30), "probe")

    assert half_open == HalfOpen(
        era=2, outcomes=(False,) * 5, opened_at=at(0), probe=Probe("probe", at(50))
    )
    assert probe == Admission("probe", 2)
    assert waiting(HALF_OPEN, at(30)) == 0.5
    assert waiting(HALF_OPEN, at(49.75)) == 0.25


def test_a_probe_that_succeeds_closes_it_and_clears_the_window() -> None:
    assert report(HALF_OPEN, RULES, PROBE, True, at(31)) == Closed(era=3)


def test_a_probe_that_fails_opens_it_again_for_the_whole_time() -> None:
    state = report(HALF_OPEN, RULES, PROBE, False, at(31))

    assert isinstance(state, Open)
    assert (state.era, state.failures) == (3, 6)
    assert waiting(state, at(31)) == 30


def test_results_of_calls_begun_in_an_earlier_era_are_ignored() -> None:
    _, early = admitted(Closed(), at(0), "early")
    closed_again = report(HALF_OPEN, RULES, PROBE, True, at(31))

    for state in (OPEN, HALF_OPEN, closed_again):
        for succeeded in (True, False):
            assert report(state, RULES, early, succeeded, at(32)) is state
            assert report(state, RULES, early._replace(call_id="probe"), succeeded, at(32)) is state


def test_an_open_circuit_hears_of_no_call() -> None:
    assert report(OPEN, RULES, Admission("invented", OPEN.era), True, at(1)) is OPEN


def test_a_probe_that_hangs_is_replaced_and_its_late_result_ignored() -> None:
    state, second = admitted(HALF_OPEN, at(50), "second")

    assert report(state, RULES, PROBE, True, at(51)) is state
    assert report(state, RULES, PROBE, False, at(51)) is state
    assert release(state, PROBE) is state
    assert waiting(state, at(69.9)) == pytest.approx(0.1)
    assert report(state, RULES, second, True, at(51)) == Closed(era=3)


def test_a_late_result_counts_as_long_as_nobody_took_its_place() -> None:
    assert report(HALF_OPEN, RULES, PROBE, True, at(500)) == Closed(era=3)


def test_a_probe_that_never_took_place_makes_room() -> None:
    state = release(HALF_OPEN, PROBE)

    assert isinstance(state, HalfOpen)
    assert state.probe is None
    state, second = admitted(state, at(30.1), "second")
    assert report(state, RULES, PROBE, False, at(31)) is state
    assert report(state, RULES, second, True, at(31)) == Closed(era=3)


def test_other_calls_that_never_took_place_change_nothing() -> None:
    for state in (Closed(), after_calls("F"), OPEN, HALF_OPEN):
        assert release(state, Admission("other", state.era)) is state


def test_releasing_after_a_report_is_harmless() -> None:
    for succeeded in (True, False):
        state = report(HALF_OPEN, RULES, PROBE, succeeded, at(31))

        assert release(state, PROBE) is state


def test_a_reset_forgets_everything_and_what_is_out() -> None:
    state, out = admitted(after_calls("FFFF"), at(0))

    assert reset(OPEN) == Closed(era=2)
    assert reset(HALF_OPEN) == Closed(era=3)
    fresh = reset(state)
    assert fresh == Closed(era=1)
    assert report(fresh, RULES, out, False, at(1)) is fresh


@pytest.mark.parametrize(
    ("state", "now", "shown"),
    [
        (Closed(), 0, CircuitStatus("closed", 0, None, None)),
        (after_calls("FSF"), 0, CircuitStatus("closed", 2, None, None)),
        (OPEN, 29, CircuitStatus("open", 5, at(0), at(30))),
        (OPEN, 30, CircuitStatus("half_open", 5, at(0), None)),
        (HALF_OPEN, 31, CircuitStatus("half_open", 5, at(0), at(50))),
        (HALF_OPEN, 50, CircuitStatus("half_open", 5, at(0), None)),
        (release(HALF_OPEN, PROBE), 31, CircuitStatus("half_open", 5, at(0), None)),
    ],
)
def test_what_is_shown(state: CircuitState, now: float, shown: CircuitStatus) -> None:
    assert status(state, RULES, at(now)) == shown


@given(st.text("FS", max_size=60))
def test_it_opens_where_a_naive_count_of_the_last_ten_does(outcomes: str) -> None:
    counts = [outcomes[max(0, n - 10) : n].count("F") for n in range(len(outcomes) + 1)]
    opens = next((n for n, count in enumerate(counts) if count >= 5), None)

    state = after_calls(outcomes if opens is None else outcomes[:opens])

    assert isinstance(state, Open) == (opens is not None)
    assert state.failures == counts[-1 if opens is None else opens]
