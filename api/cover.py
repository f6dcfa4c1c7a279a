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
_COARSEST: Final = next(reversed(LEVELS))


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
CUT: Final = "cut"  # the level of what no sum is of: tickets are recounted


class Part(NamedTuple):
    """Sums of a level, or tickets of a cut, that are added (1) or taken away again (-1)."""

    level: str
    span: Span
    sign: int = 1


class Cover(NamedTuple):
    """What a range is added up from; `whole` is what its sums cover, all signs counted."""

    sums: tuple[Part, ...]
    whole: Span
    cuts: tuple[Part, ...]


def cover(span: Span, months: Span | None = None) -> Cover:
    """The fewest sums for a range, and at most two cut ends, each at most half a shift.

    Each end is moved to the nearest begin of a shift, of a day and of a month: what a move adds is
    taken away, what it leaves out is added.  Where most of the `months` of which there are sums are
    in the range, the others are taken away from the sum of everything.
    """
    if span == Span(None, None):
        return Cover((Part(ALL, span),), span, ())
    if span.is_empty:
        return Cover((), _NOTHING, ())
    moved = [span]
    for level in LEVELS:
        if not moved[-1].is_empty:
            moved.append(Span(*(_nearest(level, end) for end in moved[-1])))
    levels = (CUT, *LEVELS)
    parts = [
        part
        for level, finer, coarser in zip(levels, moved, [*moved[1:], _NOTHING], strict=False)
        for part in _between(level, finer, coarser)
    ]
    if len(moved) > len(LEVELS) and not moved[-1].is_empty and _is_most(moved[-1], months):
        parts.remove(Part(_COARSEST, moved[-1]))
        parts += [Part(ALL, Span(None, None)), *_around(moved[-1])]
    return Cover(
        tuple(part for part in parts if part.level != CUT),
        moved[1],
        tuple(part for part in parts if part.level == CUT),
    )


def _between(level: str, finer: Span, coarser: Span) -> Iterator[Part]:
    """What leads from the coarser span to the finer one."""
    if coarser.is_empty:
        if not finer.is_empty:
            yield Part(level, finer)
        return
    for first, then in ((finer.begin, coarser.begin), (coarser.end, finer.end)):
        if first is not None and then is not None and first != then:
            yield Part(level, Span(*sorted((first, then))), 1 if first < then else -1)


def _around(span: Span) -> Iterator[Part]:
    """All months outside, taken away."""
    if span.begin is not None:
        yield Part(_COARSEST, Span(None, span.begin), -1)
    if span.end is not None:
        yield Part(_COARSEST, Span(span.end, None), -1)


def _is_most(span: Span, months: Span | None) -> bool:
    """True if fewer of the months are outside than inside."""
    if months is None or months.begin is None or months.end is None:
        return False
    inside = span.within(months.begin, months.end)
    if inside.is_empty or inside.begin is None or inside.end is None:
        return False
    length = inside.end - inside.begin
    return length > months.end - months.begin - length


def quarterly(span: Span, begins: Iterable[datetime]) -> Cover:
    """The shifts whose quarters cover a range that is parted at `begins`; `whole` is of quarters.

    Where a part does not begin with a quarter of an hour, nothing but a recount is exact.
    """
    if span.is_empty or any(_floor("quarter", begin) != begin for begin in begins):
        return Cover((), _NOTHING, () if span.is_empty else (Part(CUT, span),))
    begin = None if span.begin is None else _ceiling("quarter", span.begin)
    whole = Span(begin, None if span.end is None else _floor("quarter", span.end))
    first = None if begin is None else _floor(FINEST, begin)
    cuts = tuple(_between(CUT, span, whole))
    return Cover((Part(FINEST, Span(first, whole.end)),), whole, cuts)


def _nearest(level: str, moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    before, behind = _floor(level, moment), _ceiling(level, moment)
    return before if moment - before <= behind - moment else behind


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
