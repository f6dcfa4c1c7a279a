"""Covers: every instant of a range is in exactly one sum or cut end, and no other instant is."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from api.cover import Cover, Part, Span, cover, quarterly
from domain.roll_up_sums import ALL, FINEST, begin_of

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


def times(covered: Cover, moment: datetime) -> int:
    """How often a ticket of that moment counts."""
    parts = (*covered.sums, *covered.cuts)
    return sum(part.sign for part in parts if holds(part.span, moment))


@given(bounds, bounds, bounds, bounds, instants)
def test_each_instant_counts_once(
    begin: datetime | None,
    end: datetime | None,
    first: datetime | None,
    last: datetime | None,
    moment: datetime,
) -> None:
    span = Span(begin, end)
    covered = cover(span, Span(first, last))

    around = [m for m in (begin, end) if m is not None]
    near = [m + timedelta(milliseconds=d) for m in around for d in (-1, 0, 1)]
    for instant in (moment, *near):
        assert times(covered, instant) == holds(span, instant), instant
        of_sums = sum(part.sign for part in covered.sums if holds(part.span, instant))
        assert of_sums == holds(covered.whole, instant)
    assert len(covered.sums) <= 7
    assert len(covered.cuts) <= 2
    assert all(length(cut.span) <= timedelta(hours=6) for cut in covered.cuts)
    for level, most in (("shift", 4), ("day", 31)):
        lengths = [length(part.span) for part in covered.sums if part.level == level]
        assert sum(lengths, timedelta()) <= most * UNITS[level]


def length(span: Span) -> timedelta:
    assert span.begin is not None
    assert span.end is not None
    return span.end - span.begin


UNITS = {"shift": timedelta(hours=6), "day": timedelta(days=1)}


@given(bounds, bounds, instants)
def test_no_document_is_both_added_and_taken_away(
    begin: datetime | None, end: datetime | None, moment: datetime
) -> None:
    covered = cover(Span(begin, end), Span(FIRST, FIRST + timedelta(days=120)))

    for level in ("shift", "day", "month"):
        at = begin_of(level, moment)
        assert sum(p.level == level and holds(p.span, at) for p in covered.sums) <= 1


def test_where_most_months_are_inside_the_others_are_taken_away() -> None:
    months = Span(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    covered = cover(Span(datetime(2026, 3, 2, tzinfo=UTC), None), months)

    assert Part(ALL, Span(None, None)) in covered.sums
    assert Part("month", Span(None, datetime(2026, 3, 1, tzinfo=UTC)), -1) in covered.sums
    assert cover(Span(datetime(2026, 8, 1, tzinfo=UTC), None), months).sums[0].level == "month"


@given(instants, instants, instants)
def test_quarters_cover_a_range_as_well(begin: datetime, end: datetime, moment: datetime) -> None:
    covered = quarterly(Span(begin, end), ())

    for instant in (moment, begin, end, end - timedelta(milliseconds=1)):
        cuts = (part.span for part in covered.cuts)
        assert sum(holds(part, instant) for part in (covered.whole, *cuts)) == holds(
            Span(begin, end), instant
        )
    hours = [part.span for part in covered.sums if part.level == FINEST]
    if not covered.whole.is_empty:
        assert all(h.begin is not None and h.begin.hour % 6 == 0 for h in hours)


def test_everything_is_one_sum() -> None:
    everything = Span(None, None)
    assert cover(everything) == Cover((Part(ALL, everything),), everything, ())


def test_parts_that_no_quarter_begins_with_are_recounted() -> None:
    odd = FIRST + timedelta(minutes=7)
    span = Span(FIRST, FIRST + timedelta(days=1))

    assert [cut.span for cut in quarterly(span, [odd]).cuts] == [span]
    assert quarterly(span, [odd]).sums == ()


def test_the_ends_of_the_calendar_have_no_month_after() -> None:
    last = datetime.max.replace(tzinfo=UTC)
    first = datetime.min.replace(tzinfo=UTC)

    for begin in (last, last - timedelta(minutes=5), last - timedelta(days=3), first):
        span = Span(begin, last)
        covered = cover(span)
        for moment in (begin, last - timedelta(seconds=1)):
            assert times(covered, moment) == holds(span, moment)
