"""How a range of creation is covered: by sums of whole months, days and shifts, and cut ends."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from domain.roll_up_sums import ALL, FINEST, LEVELS, begin_of
from domain.roll_ups import QUARTER_MINUTES, SHIFT_HOURS, quarter_of
from infra.mongo import Document

_LONGEST: Final = {
    "month": timedelta(days=31),
    "day": timedelta(days=1),
    FINEST: timedelta(hours=SHIFT_HOURS),
    "quarter": timedelta(minutes=QUARTER_MINUTES),
}
_LAST: Final = datetime.max.replace(tzinfo=UTC)


class Span(NamedTuple):
    """From `begin` until before `end`; None where it is open."""

    begin: datetime | None
    end: datetime | None

    @property
    def is_empty(self) -> bool:
        """True if nothing is in it."""
        return self.begin is not None and self.end is not None and self.begin >= self.end

    @property
    def bounds(self) -> Document:
        """What MongoDB compares with; empty if there is nothing to compare with."""
        bounds = {"$gte": self.begin, "$lt": self.end}
        return {operator: moment for operator, moment in bounds.items() if moment is not None}

    def within(self, begin: datetime, end: datetime) -> "Span":
        """The part of it that is in another one."""
        return Span(
            begin if self.begin is None else max(begin, self.begin),
            end if self.end is None else min(end, self.end),
        )


_NOTHING: Final = Span(_LAST, _LAST)


class Cover(NamedTuple):
    """Sums by level, all of them inside `whole`, and `cuts` in which tickets are recounted."""

    levels: tuple[tuple[str, Span], ...]
    whole: Span
    cuts: tuple[Span, ...]


def cover(span: Span) -> Cover:
    """The fewest sums for a range, and at most two cut ends, each shorter than a shift."""
    if span == Span(None, None):
        return Cover(((ALL, span),), span, ())
    whole = [_whole(level, span) for level in LEVELS]
    levels = [
        (level, part)
        for level, inside, coarser in zip(LEVELS, whole, [*whole[1:], _NOTHING], strict=True)
        for part in _minus(inside, coarser)
    ]
    return Cover(tuple(levels), whole[0], tuple(_minus(span, whole[0])))


def quarterly(span: Span, begins: Iterable[datetime]) -> Cover:
    """The shifts whose quarters cover a range that is parted at `begins`; `whole` is of quarters.

    Where a part does not begin with a quarter of an hour, nothing but a recount is exact.
    """
    if span.is_empty or any(_floor("quarter", begin) != begin for begin in begins):
        return Cover((), _NOTHING, () if span.is_empty else (span,))
    whole = _whole("quarter", span)
    begin = None if whole.begin is None else _floor(FINEST, whole.begin)
    return Cover(((FINEST, Span(begin, whole.end)),), whole, tuple(_minus(span, whole)))


def _whole(level: str, span: Span) -> Span:
    """The whole buckets of a level that are inside."""
    begin = None if span.begin is None else _ceiling(level, span.begin)
    return Span(begin, None if span.end is None else _floor(level, span.end))


def _minus(outer: Span, inner: Span) -> Iterator[Span]:
    parts = [outer] if inner.is_empty else []
    if not inner.is_empty:
        before, after = Span(outer.begin, inner.begin), Span(inner.end, outer.end)
        parts = [part for part, cut in ((before, inner.begin), (after, inner.end)) if cut]
    yield from (part for part in parts if not part.is_empty)


def _floor(level: str, moment: datetime) -> datetime:
    if level == "quarter":
        return quarter_of(moment)
    return begin_of(level, moment)


def _ceiling(level: str, moment: datetime) -> datetime:
    floor = _floor(level, moment)
    if floor == moment:
        return moment
    try:
        return _floor(level, floor + _LONGEST[level])
    except OverflowError:
        return _LAST
