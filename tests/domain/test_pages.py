"""What the helpdesk answers, read and judged."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import HelpdeskError
from domain.pages import read_deleted_ids, read_detail, read_page


def body(rows: int = 1, next_page: Any = None, total: Any = 1) -> bytes:
    tickets = [{"id": str(number)} for number in range(rows)]
    return json.dumps(
        {"tickets": tickets, "next_page": next_page, "total_count": total}
    ).encode()  # fmt: skip


def reason(content: bytes, number: int = 1) -> str:
    with pytest.raises(HelpdeskError) as caught:
        read_page(content, number)
    assert caught.value.retryable
    return caught.value.reason


def test_a_page_is_its_rows_and_where_to_go_on() -> None:
    page = read_page(body(2, 2, 102), 1)

    assert ([row["id"] for row in page.rows], page.next_page, page.total_count) == (
        ["0", "1"],
        2,
        102,
    )


@pytest.mark.parametrize("total", ["many", None, True, 1.5, -1, 2**31, 2**63, 10**30])
def test_a_count_that_is_none_is_unknown(total: Any) -> None:
    assert read_page(body(total=total), 1).total_count is None


@pytest.mark.parametrize(
    "content",
    [
        b"", b"null", b"[1]", b"<html>", b'{"items": []}', b'{"tickets": {}, "next_page": null}',
        b'{"tickets": []}', b'{"tickets": [], "next_page": "2"}',
        b'{"tickets": [], "next_page": true}', b'{"tickets": [], "next_page": null, "x": "\xff"}',
        b'{"tickets": [' + b"[" * 100_000, body()[:-5], body(next_page=2**63),
        b'{"tickets": [], "next_page": ' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_anything_else_is_garbage(content: bytes) -> None:
    assert reason(content).startswith("garbage: ")


def test_one_row_that_utf_8_cannot_hold_does_not_spoil_the_page() -> None:
    page = read_page(b'{"tickets": [{"id": "\\ud83d"}], "next_page": null}', 1)

    assert page.rows == [{"id": "\ud83d"}]


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000, "1e999", "NaN"])
def test_one_row_with_a_number_beyond_all_bounds_does_not_spoil_the_page(number: str) -> None:
    rows = f'[{{"id": {number}}}, {{"id": "T-1"}}]'
    page = read_page(f'{{"tickets": {rows}, "next_page": null, "total_count": 2}}'.encode(), 1)

    assert isinstance(page.rows[0]["id"], float), "what no rule of a row takes for an id"
    assert page.rows[1] == {"id": "T-1"}


def test_an_end_before_all_that_is_counted_is_garbage() -> None:
    assert "0 rows and no next page, though 1 are counted" in reason(body(rows=0, total=1))
    assert "100 rows" in reason(body(rows=100, total=201))
    assert "100 rows" in reason(body(rows=100, total=301), 2)


@pytest.mark.parametrize(
    ("rows", "total", "number"),
    [(0, 0, 1), (0, 100, 2), (0, None, 1), (99, 100, 1), (100, 200, 1), (50, 151, 2)],
)
def test_an_end_that_moving_rows_explain_is_one(rows: int, total: int | None, number: int) -> None:
    assert len(read_page(body(rows=rows, total=total), number).rows) == rows


def test_deleted_ids_are_text() -> None:
    assert read_deleted_ids(b'{"deleted_ids": ["T-1", 17, "17"]}') == {"T-1", "17"}


@pytest.mark.parametrize(
    "content", [b"{}", b"[]", b'{"deleted_ids": {}}', b'{"deleted_ids": [null]}', b"x"]
)
def test_another_list_of_deleted_ids_is_garbage(content: bytes) -> None:
    with pytest.raises(HelpdeskError, match="garbage"):
        read_deleted_ids(content)


def test_a_detail_is_an_object() -> None:
    assert read_detail(b'{"id": 1}') == {"id": 1}
    with pytest.raises(HelpdeskError, match="garbage"):
        read_detail(b"[1]")


@given(st.binary() | st.text().map(str.encode), st.integers(1, 1000))
def test_no_content_is_more_than_garbage(content: bytes, number: int) -> None:
    with suppress(HelpdeskError):
        assert isinstance(read_page(content, number).rows, list)
