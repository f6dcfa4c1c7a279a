"""Back-off grows, stays below its ceiling, and ends when told to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.retry import RetryPolicy

POLICY = RetryPolicy(first=0.5, longest=20.0, attempts=6)


@pytest.mark.parametrize(
    ("failures", "ceiling"), [(1, 0.5), (2, 1.0), (3, 2.0), (6, 16.0), (7, 20.0)]
)
def test_the_ceiling_doubles_with_every_failure_up_to_the_longest(
    failures: int, ceiling: float
) -> None:
    assert POLICY.delay(failures, 1.0) == ceiling


@given(st.integers(1, 10**9), st.floats(0, 1, exclude_max=True))
def test_no_wait_is_negative_or_longer_than_the_longest(failures: int, random: float) -> None:
    assert 0 <= POLICY.delay(failures, random) <= POLICY.longest


def test_full_jitter_reaches_from_nothing_to_the_ceiling() -> None:
    assert POLICY.delay(3, 0.0) == 0.0
    assert POLICY.delay(3, 0.5) == 1.0


def test_six_attempts_are_six_failures() -> None:
    assert [POLICY.gives_up_after(failures) for failures in (5, 6, 7)] == [False, True, True]


def test_without_a_limit_nobody_gives_up() -> None:
    assert not RetryPolicy().gives_up_after(10**9)
