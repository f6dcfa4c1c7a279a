"""Routing a page: every row has one fate, and no ticket appears under another tenant."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cloudevents import RawRecord, Sighting, read_raw
from domain.identity import partition_of
from domain.observations import MAX_RECORD_BYTES
from domain.records import Origin
from infra.run_outbox import RawRow
from infra.stored_pages import PageCounts
from streams.routing import CrawlPlace, route, tenants_of
from tests.domain.test_observations import ROW, nested

FETCHED_AT = datetime(2026, 1, 5, tzinfo=UTC)
PLACE = CrawlPlace("crawl-1", sequence=200, source="http://desk", partitions=8)
ALL = {"acme": "job-a", "bolt": "job-b"}
ONE = {"acme": "crawl-1"}


def _row(number: int, tenant_id: str = "acme", **changes: Any) -> dict[str, Any]:
    return ROW | {"id": number, "tenant_id": tenant_id} | changes


def _read(row: RawRow) -> Sighting:
    event = read_raw(RawRecord(Origin(0, row.partition, 0), row.key, row.value, (), 0))
    assert isinstance(event, Sighting)
    return event


def test_a_run_of_one_tenant_sends_its_own_rows_and_counts_the_others_as_foreign() -> None:
    routed = route([_row(1), _row(2, "bolt"), _row(3)], PLACE, ONE, FETCHED_AT)

    assert [_read(row).ticket.key for row in routed.rows] == ["acme:1", "acme:3"]
    (counts,) = routed.counts.values()
    assert (counts.fetched, counts.foreign, counts.rejected) == (3, 1, 0)
    assert sum(counts.sent.values()) == 2


def test_a_run_of_all_tenants_sends_each_row_under_its_tenants_job() -> None:
    routed = route([_row(1), _row(2, "bolt"), _row(3, "cold")], PLACE, ALL, FETCHED_AT)

    jobs = {_read(row).ticket.key: _read(row).provenance.job_id for row in routed.rows}
    assert jobs == {"acme:1": "job-a", "bolt:2": "job-b"}
    assert {job: (c.fetched, c.foreign) for job, c in routed.counts.items()} == {
        "crawl-1": (3, 1),
        "job-a": (1, 0),
        "job-b": (1, 0),
    }


def test_a_row_goes_where_its_key_belongs_with_its_number_in_the_run() -> None:
    (sent,) = route(["?", _row(7)], PLACE, ONE, FETCHED_AT).rows

    assert (sent.key, sent.partition) == (b"acme:7", partition_of(b"acme:7", 8))
    assert _read(sent).provenance.event_id == "crawl-1:202"
    assert _read(sent).provenance.time == FETCHED_AT


@pytest.mark.parametrize("row", [None, "x", 7, [], [_row(1)], {}, _row(1, "a:b"), _row(1, None)])  # type: ignore[arg-type]
def test_a_row_without_a_tenant_is_rejected_by_the_crawl(row: Any) -> None:
    routed = route([row], PLACE, ALL, FETCHED_AT)

    assert routed.rows == []
    assert routed.counts == {"crawl-1": PageCounts(fetched=1, rejected=1)}
    (letter,) = routed.refused
    assert (letter.position, json.loads(letter.value)) == ("crawl/crawl-1/201", row)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"created_at": "soon"},
        {"created_at": "2026-01-01\ud80010:00:00Z"},
        {"subject": "half \ud83d"},
        {"customer_id": 2**70},
        {"message": "x" * MAX_RECORD_BYTES},
        {"message": {"text": float("nan")}},
    ],
)
def test_a_bad_row_is_rejected_by_its_tenants_job_and_stops_nothing(
    changes: dict[str, Any],
) -> None:
    routed = route([_row(1, **changes), _row(2)], PLACE, ALL, FETCHED_AT)

    assert [row.key for row in routed.rows] == [b"acme:2"]
    assert (routed.counts["job-a"].fetched, routed.counts["job-a"].rejected) == (2, 1)
    assert (routed.counts["crawl-1"].fetched, routed.counts["crawl-1"].rejected) == (2, 0)
    assert routed.refused[0].reason.split(":")[0] in (*ROW, "record")


def test_a_row_too_deep_to_be_written_down_is_rejected_all_the_same() -> None:
    routed = route([_row(1, id=nested(100_000)), _row(2)], PLACE, ONE, FETCHED_AT)

    assert (len(routed.rows), len(routed.refused)) == (1, 1)
    assert json.loads(routed.refused[0].value)


def test_what_is_sent_is_never_too_large_for_the_classifier() -> None:
    for size in range(MAX_RECORD_BYTES - 700, MAX_RECORD_BYTES - 200, 7):
        for sent in route([_row(1, message="ü" * (size // 2))], PLACE, ONE, FETCHED_AT).rows:
            assert _read(sent)


def test_the_same_page_becomes_the_same_bytes() -> None:
    rows = [_row(1), "?", _row(2, "bolt")]

    assert route(rows, PLACE, ALL, FETCHED_AT) == route(rows, PLACE, ALL, FETCHED_AT)


def test_an_empty_page_counts_as_a_page() -> None:
    assert route([], PLACE, ALL, FETCHED_AT).counts == {"crawl-1": PageCounts()}


_tenant_ids = st.sampled_from(["acme", "bolt", "cold", "a:b", "", None, 7])
_rows = st.lists(
    st.none() | st.builds(_row, st.integers(0, 9) | st.none(), _tenant_ids), max_size=12
)


@given(_rows, st.sampled_from([ALL, ONE, {}]))
def test_every_row_has_exactly_one_fate(rows: list[Any], jobs: dict[str, str]) -> None:
    routed = route(rows, PLACE, jobs, FETCHED_AT)

    crawl = routed.counts["crawl-1"]
    sent = sum(sum(counts.sent.values()) for counts in routed.counts.values())
    rejected = sum(counts.rejected for counts in routed.counts.values())
    assert crawl.fetched == len(rows) == sent + rejected + crawl.foreign
    assert (sent, rejected) == (len(routed.rows), len(routed.refused))


@given(_rows)
def test_no_ticket_appears_under_another_tenant(rows: list[Any]) -> None:
    for sent in route(rows, PLACE, ALL, FETCHED_AT).rows:
        event = _read(sent)
        assert ALL[event.ticket.tenant_id] == event.provenance.job_id
        assert sent.key == event.ticket.key.encode()


@given(_rows)
def test_the_tenants_of_a_page_are_those_that_can_be_routed(rows: list[Any]) -> None:
    assert tenants_of(rows) <= {"acme", "bolt", "cold"}
    assert tenants_of([*rows, _row(1, "new")]) == tenants_of(rows) | {"new"}
