"""Covers: every instant of a range is in exactly one sum or cut end, and no other instant is."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from api.cover import Cover, Span, cover, quarterly
from domain.roll_up_sums import ALL, FINEST

FIRST = datetime(2026, 1, 30, tzinfo=UTC)
instants = st.one_of(
    st.integers(0, 120 * 24 * 3_600_000).map(lambda ms: FIRST + timedelta(milliseconds=ms)),
    st.integers(0, 120 * 24).map(lambda hours: FIRST + timedelta(hours=hours)),
    st.integers(0, 120).map(lambda days: FIRST + timedelta(days=days)),
)
bounds = st.one_of(st.none(), instants)


def holds(span: Span, moment: datetime) -> bool:
    begin, end = span
    return (begin is None or begin <= moment) and (end is None or moment < end)


def parts(covered: Cover) -> list[Span]:
    return [*(span for _, span in covered.levels), *covered.cuts]


@given(bounds, bounds, instants)
def test_each_instant_is_in_one_part(
    begin: datetime | None, end: datetime | None, moment: datetime
) -> None:
    span = Span(begin, end)
    covered = cover(span)

    around = [m for m in (begin, end) if m is not None]
    near = [m + timedelta(milliseconds=d) for m in around for d in (-1, 0, 1)]
    for instant in (moment, *near):
        times = sum(holds(part, instant) for part in parts(covered))
        assert times == holds(span, instant), instant
    assert len(covered.levels) <= 5
    assert len(covered.cuts) <= 2
    for cut in covered.cuts:
        assert cut.begin is not None
        assert cut.end is not None
        assert cut.end - cut.begin < timedelta(hours=12)


@given(instants, instants, instants)
def test_quarters_cover_a_range_as_well(begin: datetime, end: datetime, moment: datetime) -> None:
    covered = quarterly(Span(begin, end), ())

    for instant in (moment, begin, end, end - timedelta(milliseconds=1)):
        times = sum(holds(part, instant) for part in (covered.whole, *covered.cuts))
        assert times == holds(Span(begin, end), instant)
    hours = [span for level, span in covered.levels if level == FINEST]
    if not covered.whole.is_empty:
        assert all(h.begin is not None and h.begin.hour % 6 == 0 for h in hours)


def test_everything_is_one_sum() -> None:
    assert cover(Span(None, None)) == Cover(((ALL, Span(None, None)),), Span(None, None), ())


def test_parts_that_no_quarter_begins_with_are_recounted() -> None:
    odd = FIRST + timedelta(minutes=7)
    span = Span(FIRST, FIRST + timedelta(days=1))

    assert quarterly(span, [odd]).cuts == (span,)
    assert quarterly(span, [odd]).levels == ()


def test_the_ends_of_the_calendar_have_no_month_after() -> None:
    last = datetime.max.replace(tzinfo=UTC)
    first = datetime.min.replace(tzinfo=UTC)

    for begin in (last, last - timedelta(minutes=5), last - timedelta(days=3), first):
        span = Span(begin, last)
        covered = cover(span)
        for moment in (begin, last - timedelta(seconds=1)):
            assert sum(holds(part, moment) for part in parts(covered)) == holds(span, moment)
