"""Hours of a zone: always 24, ascending, the current one last, whatever the clocks do."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import ParameterError
from api.zones import HOUR, clock_time, last_hours, zone_of

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "-03:30",
    "+14:00",
)


@given(
    now=st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001 (bounds)
    tz=st.sampled_from(ZONES),
)
def test_the_last_hours_are_24_and_end_with_now(now: datetime, tz: str) -> None:
    moment = now.replace(tzinfo=UTC)

    hours = last_hours(moment, zone_of(tz))

    assert len(hours) == 24
    assert all(later - earlier == HOUR for earlier, later in pairwise(hours))
    assert hours[-1] <= moment < hours[-1] + HOUR
    assert hours[-1].astimezone(zone_of(tz)).minute == 0


def test_the_hour_that_comes_twice_is_shown_twice_with_its_offsets() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    after_the_change = datetime(2026, 10, 25, 1, 20, tzinfo=UTC)

    shown = [clock_time(hour, berlin) for hour in last_hours(after_the_change, berlin)]

    assert shown[-3:] == [
        "2026-10-25T01:00:00+02:00",
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:00:00+01:00",
    ]


def test_the_hour_that_never_comes_is_not_shown() -> None:
    berlin = ZoneInfo("Europe/Berlin")

    hours = last_hours(datetime(2026, 3, 29, 1, 20, tzinfo=UTC), berlin)

    assert [clock_time(hour, berlin)[11:16] for hour in hours[-2:]] == ["01:00", "03:00"]


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("+05:30", 330),
        ("-0330", -210),
        ("Z", 0),
        ("UTC", 0),
        ("Asia/Kolkata", 330),
    ],
)
def test_a_zone_is_a_name_or_an_offset(text: str, minutes: int) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)

    assert zone_of(text).utcoffset(moment) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Mars/Olympus",
        "Europe",
        "../etc/passwd",
        "+25:00",
        "05:30",
        "+5",
        " 05:30",
        "a\0b",
        "x" * 64,
        "/",
    ],
)
def test_what_is_no_zone_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="tz"):
        zone_of(text)
