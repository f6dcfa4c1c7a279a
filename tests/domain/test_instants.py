"""Instants: every notation of ISO 8601 that a helpdesk uses means the same millisecond."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import RejectedRecordError
from domain.instants import cut, from_milliseconds, parse_instant, rfc3339, to_milliseconds

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
YEARS = timedelta(days=700_000)
MOMENTS = st.timedeltas(-YEARS, YEARS).map(lambda away: NOON + away)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00z",
        "2026-01-31t12:00:00Z",
        "2026-01-31T12:00:00",
        "2026-01-31 12:00:00",
        "2026-01-31T12:00Z",
        "2026-01-31T12:00:00+00:00",
        "2026-01-31T12:00:00-00:00",
        "2026-01-31T17:30:00+05:30",
        "2026-01-31T17:30:00+0530",
        "2026-01-31T04:00:00-08",
        "20260131T120000Z",
        "2026-01-31T12:00:00.000Z",
        "2026-01-31T12:00:00.000999Z",
        "2026-01-31T12:00:00,0Z",
        "2026-01-31T12:00:00.000999999999999999Z",
        " 2026-01-31T12:00:00Z\n",
    ],
)
def test_every_notation_of_noon_is_noon(text: str) -> None:
    assert parse_instant(text, "created_at") == NOON


def test_a_date_alone_is_its_midnight() -> None:
    assert parse_instant("2026-01-31", "created_at") == NOON - timedelta(hours=12)


def test_fractions_are_cut_not_rounded() -> None:
    assert parse_instant("2026-01-31T12:00:00.1239999Z", "t") == NOON.replace(microsecond=123000)
    assert parse_instant("1969-12-31T23:59:59.9999Z", "t").microsecond == 999000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "1769860800",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-01-31T25:00:00Z",
        "2026-01-31T12:00:00+99:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "２０２６-01-31T12:00:00Z",
        "2026-01-31\ud80012:00:00Z",
        "2026-01-31\x0012:00:00Z",
        "2026-01-31T12:00:00\x00",
        "2026-01-31x12:00:00Z",
    ],
)
def test_what_names_no_instant_is_refused_by_field(text: str) -> None:
    with pytest.raises(RejectedRecordError, match=r"^created_at: .* is no ISO 8601 instant$"):
        parse_instant(text, "created_at")


@pytest.mark.parametrize("value", [None, 0, 1769860800, 1.5, True, [], {}, b"2026-01-31"])
def test_what_is_no_text_is_refused_by_kind(value: object) -> None:
    with pytest.raises(RejectedRecordError, match=r"^time: expected an ISO 8601 instant, got "):
        parse_instant(value, "time")


@given(st.text(max_size=30))
def test_any_text_is_an_instant_of_utc_milliseconds_or_refused(text: str) -> None:
    try:
        moment = parse_instant(text, "t")
    except RejectedRecordError:
        return
    assert moment.tzinfo is UTC
    assert moment == cut(moment)


@given(MOMENTS, st.integers(-14 * 60, 14 * 60))
def test_an_offset_never_moves_the_instant(moment: datetime, minutes: int) -> None:
    there = moment.astimezone(timezone(timedelta(minutes=minutes)))

    assert parse_instant(there.isoformat(), "t") == cut(moment)


@given(MOMENTS)
def test_what_is_shown_and_what_kafka_counts_read_back_the_same(moment: datetime) -> None:
    kept = cut(moment)

    assert parse_instant(rfc3339(kept), "t") == kept
    assert from_milliseconds(to_milliseconds(kept)) == kept


@pytest.mark.parametrize("milliseconds", [2**62, -(2**62), 10**15, -(10**15)])
def test_a_stamp_beyond_the_calendar_is_refused(milliseconds: int) -> None:
    with pytest.raises(RejectedRecordError, match=r"^timestamp: "):
        from_milliseconds(milliseconds)


def test_a_shown_instant_has_three_digits_and_a_z() -> None:
    assert rfc3339(NOON) == "2026-01-31T12:00:00.000Z"
    assert rfc3339(NOON.astimezone(timezone(timedelta(hours=5)))) == "2026-01-31T12:00:00.000Z"
