"""Reading pages that move: no row is lost because another moved."""

from hypothesis import given
from hypothesis import strategies as st

from domain.sweeps import PAGE_SIZE, Position, onward


class Desk:
    """A helpdesk's list, cut into pages at each request."""

    def __init__(self, rows: int) -> None:
        self.rows = list(range(rows))
        self.next_row = rows

    def page(self, number: int) -> tuple[list[int], int | None, int]:
        stop = number * PAGE_SIZE
        more = number + 1 if stop < len(self.rows) else None
        return self.rows[stop - PAGE_SIZE : stop], more, len(self.rows)

    def disturb(self, step: tuple[str, int, int]) -> None:
        kind, first, second = step
        if kind == "insert":
            self.rows.insert(first % (len(self.rows) + 1), self.next_row)
            self.next_row += 1
        elif self.rows and kind == "remove":
            del self.rows[first % len(self.rows)]
        elif self.rows:
            row = self.rows.pop(first % len(self.rows))
            self.rows.insert(second % (len(self.rows) + 1), row)


def crawl(desk: Desk, steps: dict[int, tuple[str, int, int]]) -> tuple[set[int], list[int], int]:
    """What was shown, the pages read, and how many rows are missing; `steps` happen between."""
    seen: set[int] = set()
    pages: list[int] = []
    position = Position()
    while position.next_page is not None:
        rows, following, total = desk.page(position.next_page)
        pages.append(position.next_page)
        seen.update(rows)
        position = onward(position, following, total, len(seen))
        if step := steps.get(len(pages)):
            desk.disturb(step)
    return seen, pages, position.missing(len(seen))


def test_a_list_that_stands_still_is_read_once() -> None:
    seen, pages, missing = crawl(Desk(950), {})

    assert (len(seen), pages, missing) == (950, list(range(1, 11)), 0)


def test_an_empty_list_is_one_page() -> None:
    assert crawl(Desk(0), {}) == (set(), [1], 0)


def test_a_row_that_moves_to_an_earlier_page_is_found_there() -> None:
    desk = Desk(950)

    seen, pages, missing = crawl(desk, {3: ("move", 700, 0)})

    assert (len(seen), missing) == (950, 0)
    assert pages == [*range(1, 11), 1]


def test_a_removal_makes_the_page_before_be_read_again() -> None:
    desk = Desk(950)

    seen, pages, _ = crawl(desk, {3: ("remove", 50, 0)})

    assert set(desk.rows) <= seen
    assert pages == [1, 2, 3, 4, 3, 4, 5, 6, 7, 8, 9, 10]


def test_rows_that_are_counted_but_never_shown_end_the_reading() -> None:
    position, seen, pages = Position(), 0, 0
    while position.next_page is not None:
        seen = min(seen + PAGE_SIZE, 299)
        pages += 1
        position = onward(position, position.next_page % 3 + 1 if pages % 3 else None, 300, seen)

    assert position.missing(seen) == 1
    assert pages == 6


def test_totals_that_fall_at_every_page_do_not_hold_the_crawl_for_ever() -> None:
    position, pages, total = Position(), 0, 100_000
    while position.next_page is not None:
        pages += 1
        total -= 1
        position = onward(position, position.next_page + 1 if pages < 900 else None, total, 10**6)

    assert pages < 1000


_moves = st.tuples(st.just("move"), st.integers(0, 999), st.integers(0, 999))
_inserts = st.tuples(st.just("insert"), st.integers(0, 999), st.just(0))
_removals = st.tuples(st.just("remove"), st.integers(0, 999), st.just(0))


@given(st.integers(0, 900), st.dictionaries(st.integers(1, 9), _moves | _inserts, max_size=4))
def test_moves_and_insertions_lose_nothing(
    rows: int, steps: dict[int, tuple[str, int, int]]
) -> None:
    desk = Desk(rows)

    seen, _, missing = crawl(desk, steps)

    assert set(range(rows)) <= seen or missing


@given(st.integers(0, 900), st.dictionaries(st.integers(1, 9), _removals, max_size=4))
def test_removals_lose_nothing(rows: int, steps: dict[int, tuple[str, int, int]]) -> None:
    desk = Desk(rows)

    seen, _, _ = crawl(desk, steps)

    assert set(desk.rows) <= seen
