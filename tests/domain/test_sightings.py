"""The set of rows that a crawl was shown."""

from hypothesis import given
from hypothesis import strategies as st

from domain.sightings import Sightings, packed, row_mark, ticket_mark, unpacked


@given(st.lists(st.integers(min_value=1, max_value=2**64 - 1) | st.integers(1, 40)))
def test_it_is_a_set(marks: list[int]) -> None:
    seen, model = Sightings(), set[int]()

    for mark in marks:
        assert seen.add(mark) == (mark not in model)
        model.add(mark)

    assert len(seen) == len(model)
    assert all(mark in seen for mark in model)
    assert not any(mark in seen for mark in range(41, 80) if mark not in model)


def test_marks_that_share_every_low_bit_are_told_apart() -> None:
    seen = Sightings()
    marks = [(number << 40) | 7 for number in range(1, 500)]

    assert all(seen.add(mark) for mark in marks)
    assert not any(seen.add(mark) for mark in marks)


@given(st.lists(st.integers(min_value=1, max_value=2**64 - 1)))
def test_packed_marks_come_back(marks: list[int]) -> None:
    assert list(unpacked(packed(marks))) == marks


def test_a_row_is_known_by_its_ticket_whatever_else_is_wrong_with_it() -> None:
    row = {"tenant_id": "acme", "id": 17, "subject": ["no text"]}

    assert row_mark(row) == row_mark({"tenant_id": "acme", "id": "17"}) == ticket_mark("acme", "17")
    assert row_mark(row) != row_mark(row | {"tenant_id": "globex"})


def test_rows_that_name_no_ticket_are_known_by_their_content() -> None:
    rows = [None, "text", {}, {"id": "T-1"}, {"tenant_id": "acme"}, {"tenant_id": "a/b", "id": "1"}]
    marks = [row_mark(row) for row in [*rows, {"tenant_id": "acme", "id": True}]]

    assert len(set(marks)) == len(marks)
    assert row_mark({"id": "T-1", "x": 1}) == row_mark({"x": 1, "id": "T-1"})


def test_an_id_that_no_file_can_hold_has_a_mark() -> None:
    assert row_mark({"tenant_id": "acme", "id": "\ud83d"})
