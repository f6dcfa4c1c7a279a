"""Where a crawl reads on: pages in order, and again what moved while it read.

Pages are cut anew at every request, so a row that is removed from an earlier page, or moves to
one, pulls another across the boundary, past the reader.  Two signs give that away: fewer rows are
counted than a page ago, and fewer different rows were shown than are counted in the end.
"""

from typing import Final, NamedTuple

PAGE_SIZE: Final = 100
_MOST_SWEEPS: Final = 3
_MOST_STEPS_BACK: Final = 50


class Position(NamedTuple):
    """The page to read next (None: no more), in which sweep, and what the sweeps saw so far.

    `total` is the count of rows that the last page named, `steps_back` how often pages were read
    again, `found` how many different rows were known when this sweep began.
    """

    next_page: int | None = 1
    sweep: int = 1
    total: int | None = None
    steps_back: int = 0
    found: int = 0

    def missing(self, distinct: int) -> int:
        """How many rows are counted but were never shown."""
        return max(0, (self.total or 0) - distinct)


def onward(position: Position, next_page: int | None, total: int | None, distinct: int) -> Position:
    """The position after the page at `position`, which names the next and the count of all rows.

    `distinct` rows were shown so far, this page's included.
    """
    number = position.next_page
    if number is None:
        raise ValueError("nothing is read behind the last page")
    known = position._replace(total=position.total if total is None else total)
    if back := _pages_back(position, number, total):
        return known._replace(next_page=number - back, steps_back=position.steps_back + 1)
    missing = known.missing(distinct)
    if next_page is not None and (known.sweep == 1 or missing):
        return known._replace(next_page=next_page)
    # A sweep that showed nothing new will not do so the next time.
    if missing and known.sweep < _MOST_SWEEPS and distinct > known.found:
        return known._replace(next_page=1, sweep=known.sweep + 1, found=distinct)
    return known._replace(next_page=None)


def _pages_back(position: Position, number: int, total: int | None) -> int:
    """How many pages the rows behind a removal can have moved across the reader."""
    if total is None or position.total is None or position.steps_back >= _MOST_STEPS_BACK:
        return 0
    removed = position.total - total
    return min(-(-removed // PAGE_SIZE), number - 1) if removed > 0 else 0
