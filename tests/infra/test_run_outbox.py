"""A page is stored whole, however large its rows are."""

from bson import encode

from infra.run_outbox import RawRow, page

_LIMIT = 16 * 1024 * 1024


def test_a_page_of_the_largest_rows_fits_into_documents() -> None:
    rows = [RawRow(0, f"acme:{n}".encode(), bytes(256 * 1024)) for n in range(100)]

    documents = page("run-1", 100, rows)

    assert all(len(encode(document)) < _LIMIT for document in documents)
    assert [record for d in documents for record in d["records"]] == [list(row) for row in rows]
    assert sorted(d["_id"] for d in documents) == [d["_id"] for d in documents]


def test_a_page_without_rows_is_no_document() -> None:
    assert page("run-1", 0, []) == []
