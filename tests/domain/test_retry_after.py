"""`Retry-After` as helpdesks really send it."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.retry_after import LONGEST, SHORTEST, hold_seconds

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


def held(header: str | None, refusals: int = 1) -> float:
    return hold_seconds(header, NOW, refusals)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30), (" 7 ", 7), ("2.5", 2.5), ("+4", 4), ("0", 1), ("0.2", 1), ("-30", 1),
        ("86400", 3600), ("99999999999999999999", 3600),
        ("Tue, 24 Nov 2026 12:00:20 GMT", 20),
        ("Tuesday, 24-Nov-26 12:00:20 GMT", 20),
        ("Tue Nov 24 12:00:20 2026", 20),
        ("Tue, 24 Nov 2026 14:00:20 +0200", 20),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 1),
        ("Sun, 24 Nov 2030 12:00:00 GMT", 3600),
    ],
)  # fmt: skip
def test_advice_is_followed_within_bounds(header: str, seconds: float) -> None:
    assert held(header) == seconds


@pytest.mark.parametrize(
    "header",
    [
        None, "", " ", "soon", "nan", "inf", "-inf", "1e9", "1e999", "0x10", "1,2", "30, 60", "٣٠",
        "1 2", "--5", "5s", "Tue, 99 Nov 2026 12:00:20 GMT", "Tue, 24 Nov 99999 12:00:20 GMT",
        "9" * 5000, "x" * 5000, "\x00",
    ],
)  # fmt: skip
def test_anything_else_is_no_advice(header: str | None) -> None:
    assert [held(header, refusals) for refusals in (1, 2, 3, 4, 5, 100)] == [5, 10, 20, 40, 60, 60]


@given(st.text(), st.integers(1, 10_000))
def test_whatever_it_says_the_hold_is_bounded(header: str, refusals: int) -> None:
    assert SHORTEST <= hold_seconds(header, NOW, refusals) <= LONGEST


@given(st.integers(-10_000, 10_000))
def test_a_date_is_the_time_until_then(seconds: int) -> None:
    header = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)

    assert held(header) == min(max(seconds, 1), 3600)
