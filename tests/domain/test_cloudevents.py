"""The envelope of `tickets.raw`: what upstream systems may send, and the reason why not."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cloudevents import RawRecord, Sighting, job_of, read_raw
from domain.errors import RejectedRecordError
from domain.observations import MAX_RECORD_BYTES, read_ticket
from domain.records import Deleted, Origin, RunEnded
from tests.domain.test_observations import ROW

ORIGIN = Origin(0, 3, 41)
STAMP = 1_767_225_600_123
GONE = {"tenant_id": "acme", "external_id": "T-1", "deleted_at": "2026-01-03T10:00:00+01:00"}
ENVELOPE: dict[str, Any] = {
    "specversion": "1.0",
    "type": "ticket.observed",
    "source": "crm",
    "id": "e-1",
    "time": "2026-01-02T10:00:00.1239Z",
    "data": ROW,
}
DELETION = ENVELOPE | {"type": "ticket.deleted", "data": GONE}
MARKER = {
    "job_id": "j-1",
    "tenant_id": "acme",
    "outcome": "SUCCESS",
    "partition": 3,
    "partitions": 8,
    "records": 41,
}
HEADERS = [
    ("ce_specversion", b"1.0"),
    ("ce_type", b"ticket.observed"),
    ("ce_source", b"crm"),
    ("ce_id", b"e-1"),
    ("ce_time", b"2026-01-02T10:00:00.1239Z"),
    ("content-type", b"application/json"),
]


def _raw(value: Any, *, key: bytes | None = None, headers: Any = ()) -> RawRecord:
    body = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
    return RawRecord(ORIGIN, key, body, headers, STAMP)


def _sighting(record: RawRecord) -> Sighting:
    event = read_raw(record)
    assert isinstance(event, Sighting)
    return event


def _reason(record: RawRecord) -> str:
    with pytest.raises(RejectedRecordError) as caught:
        read_raw(record)
    return caught.value.reason


def test_a_structured_observation_is_read() -> None:
    event = _sighting(_raw(ENVELOPE))

    assert (event.origin, event.ticket) == (ORIGIN, read_ticket(ROW))
    assert (event.provenance.source, event.provenance.event_id) == ("crm", "e-1")
    assert event.provenance.time == datetime(2026, 1, 2, 10, microsecond=123000, tzinfo=UTC)


def test_a_binary_observation_says_the_same() -> None:
    assert read_raw(_raw(ROW, headers=HEADERS)) == read_raw(_raw(ENVELOPE))


@pytest.mark.parametrize("headers", [(), HEADERS])
def test_a_missing_time_is_kafkas_timestamp(headers: Any) -> None:
    envelope = {k: v for k, v in ENVELOPE.items() if k != "time"}
    kept = [header for header in headers if header[0] != "ce_time"]

    event = _sighting(_raw(ROW if headers else envelope, headers=kept))

    assert event.provenance.time == datetime(2026, 1, 1, microsecond=123000, tzinfo=UTC)


def test_a_stamp_beyond_the_calendar_is_refused_only_where_it_counts() -> None:
    without = {k: v for k, v in ENVELOPE.items() if k != "time"}

    assert _reason(_raw(without)._replace(timestamp=2**62)).startswith("timestamp: ")
    assert _sighting(_raw(ENVELOPE)._replace(timestamp=2**62))


def test_a_deletion_is_read() -> None:
    event = read_raw(_raw(DELETION))

    assert isinstance(event, Deleted)
    assert event.key == "acme:T-1"
    assert event.deleted_at == datetime(2026, 1, 3, 9, tzinfo=UTC)
    assert event.detected_by == "announcement"


def test_a_deletion_by_a_crawl_says_how_it_was_detected() -> None:
    event = read_raw(_raw(DELETION | {"jobid": "j-1", "detectedby": "two_absences"}))

    assert isinstance(event, Deleted)
    assert (event.detected_by, event.provenance.cause) == ("two_absences", "crawl")
    assert _reason(_raw(DELETION | {"jobid": "j-1"})).startswith("detectedby: ")


def test_a_record_with_a_job_belongs_to_a_crawl() -> None:
    provenance = _sighting(_raw(ENVELOPE | {"jobid": "j-1"})).provenance

    assert (provenance.cause, provenance.job_id) == ("crawl", "j-1")


@pytest.mark.parametrize("job", [None, "missing"])
def test_a_record_without_a_job_is_upstreams(job: str | None) -> None:
    envelope = ENVELOPE | ({"jobid": None} if job is None else {})
    provenance = _sighting(_raw(envelope)).provenance

    assert (provenance.cause, provenance.job_id) == ("upstream", None)


def test_a_marker_is_read_and_placed() -> None:
    marker = ENVELOPE | {"type": "run.ended", "data": MARKER}

    assert read_raw(_raw(marker)) == RunEnded("j-1", "acme", "SUCCESS", 3, 8, 41, ORIGIN)
    assert read_raw(_raw(marker, key=b"other:T-1"))


def test_a_marker_cannot_say_where_it_stands() -> None:
    forged = MARKER | {"origin": [9, 9, 9], "type": "refused"}
    event = read_raw(_raw(ENVELOPE | {"type": "run.ended", "data": forged}))

    assert isinstance(event, RunEnded)
    assert event.origin == ORIGIN


@pytest.mark.parametrize(
    "data", [None, [], "x", {}, MARKER | {"outcome": "FINE"}, MARKER | {"records": "41"}]
)
def test_a_broken_marker_is_refused(data: object) -> None:
    assert _reason(_raw(ENVELOPE | {"type": "run.ended", "data": data}))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"specversion": None}, "specversion: nothing is not '1.0'"),
        ({"specversion": "0.3"}, "specversion: '0.3' is not '1.0'"),
        ({"specversion": 1.0}, "specversion: 1.0 is not '1.0'"),
        ({"type": None}, "type: nothing is not known"),
        ({"type": "ticket.invented"}, "type: 'ticket.invented' is not known"),
        ({"type": ["ticket.observed"]}, "type: a list is not known"),
        ({"source": None}, "source: expected text, got NoneType"),
        ({"source": ""}, "source: expected text, got str"),
        ({"source": "a\x00b"}, "source: holds a NUL character"),
        ({"id": 1}, "id: expected text, got int"),
        ({"id": "x" * 1025}, "id: 1025 characters, at most 1024"),
        ({"jobid": 7}, "jobid: expected text, got int"),
        ({"jobid": ""}, "jobid: expected text, got str"),
        ({"time": "soon"}, "time: 'soon' is no ISO 8601 instant"),
        ({"time": ""}, "time: '' is no ISO 8601 instant"),
        ({"data": None}, "ticket: expected an object, got NoneType"),
        ({"data": [ROW]}, "ticket: expected an object, got list"),
        ({"data": ROW | {"id": None}}, "id: nothing is no identifier"),
    ],
)
def test_a_broken_attribute_is_refused_by_name(changes: dict[str, Any], reason: str) -> None:
    assert _reason(_raw(ENVELOPE | changes)) == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (None, "data: expected an object, got NoneType"),
        ({"tenant_id": "a:b"}, "tenant_id: 'a:b' is no tenant id"),
        ({"external_id": None}, "external_id: nothing is no identifier"),
        ({"deleted_at": None}, "deleted_at: expected an ISO 8601 instant, got nothing"),
    ],
)
def test_a_broken_deletion_is_refused_by_name(changes: Any, reason: str) -> None:
    data = None if changes is None else GONE | changes

    assert _reason(_raw(DELETION | {"data": data})) == reason


@pytest.mark.parametrize(
    "value", [None, b"", b"{", b"\xff\xfe{}", b"NaN", b'{"a":"\xff"}', b"{}{}"]
)
def test_what_is_no_json_is_refused(value: bytes | None) -> None:
    assert _reason(_raw(value)).startswith("invalid JSON: ")


@pytest.mark.parametrize("value", [b"[]", b"null", b"1", b'"x"', b"[{}]"])
def test_what_is_no_envelope_is_refused(value: bytes) -> None:
    assert _reason(_raw(value)).startswith("envelope: expected an object, got ")


def test_a_header_that_is_no_text_is_refused() -> None:
    broken = [
        ("ce_source" if n == "ce_source" else n, b"\xff" if n == "ce_source" else v)
        for n, v in HEADERS
    ]

    assert _reason(_raw(ROW, headers=broken)) == "header ce_source: not UTF-8"


def test_a_header_without_a_value_is_empty() -> None:
    broken: Any = [(name, None if name == "ce_id" else value) for name, value in HEADERS]

    assert _reason(_raw(ROW, headers=broken)).startswith("id: ")


@pytest.mark.parametrize(
    "key", [None, b"", b"acme:T-1", b"acme:T-2", b"T-1", b"42", b"\xff", b"acme:", b"acme:a:b"]
)
def test_a_key_that_names_no_other_tenant_does_not_matter(key: bytes | None) -> None:
    assert _sighting(_raw(ENVELOPE, key=key))


@pytest.mark.parametrize("key", [b"other:T-1", b":T-1", b"ACME:T-1", b"acme2:T-1", b"\xff:T-1"])
@pytest.mark.parametrize("envelope", [ENVELOPE, DELETION])
def test_a_key_that_names_another_tenant_is_refused(key: bytes, envelope: dict[str, Any]) -> None:
    assert re.fullmatch("key: names tenant '.*', not 'acme'", _reason(_raw(envelope, key=key)))


def test_a_key_that_is_the_external_id_may_look_like_a_tenants() -> None:
    envelope = ENVELOPE | {"data": ROW | {"id": "crm:7"}}

    assert _sighting(_raw(envelope, key=b"crm:7"))


def test_a_record_may_have_256_kib_with_its_key_and_headers() -> None:
    key, header = b"acme:T-1", ("trace", b"abc")
    room = MAX_RECORD_BYTES - len(key) - len("traceabc") - len(json.dumps(ENVELOPE).encode())
    full = ENVELOPE | {"data": ROW | {"message": ROW["message"] + "x" * room}}

    assert _sighting(_raw(full, key=key, headers=[header]))
    assert _reason(_raw(full, key=key + b"1", headers=[header])) == (
        f"record: {MAX_RECORD_BYTES + 1} bytes, at most {MAX_RECORD_BYTES}"
    )


@pytest.mark.parametrize("depth", [*range(900, 1000), 100_000])
def test_nesting_that_exhausts_the_stack_is_refused(depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    for name in ("id", "tenant_id", "customer_id"):
        value = json.dumps(ENVELOPE | {"data": ROW | {name: "@"}}).encode().replace(b'"@"', deep)
        assert _reason(_raw(value))


_attributes = st.dictionaries(
    st.sampled_from([*ENVELOPE, "jobid", "detectedby", "extension"]),
    st.none() | st.integers() | st.text(max_size=5) | st.just(GONE) | st.just(MARKER)
    | st.sampled_from(["ticket.observed", "ticket.deleted", "run.ended"]),
)  # fmt: skip


@given(_attributes, st.none() | st.binary(max_size=12))
def test_any_envelope_is_an_event_or_refused(changes: dict[str, Any], key: bytes | None) -> None:
    try:
        event = read_raw(_raw(ENVELOPE | changes, key=key))
    except RejectedRecordError as error:
        reason = error.reason
        assert reason.encode()
    else:
        assert event.origin == ORIGIN


@given(st.binary(max_size=200), st.lists(st.tuples(st.text(), st.none() | st.binary())))
def test_any_bytes_are_an_event_or_refused(value: bytes, headers: Any) -> None:
    with pytest.raises(RejectedRecordError):
        read_raw(_raw(value, headers=headers))


@pytest.mark.parametrize(
    ("value", "job"),
    [
        (ENVELOPE | {"jobid": "j-1", "data": None}, "j-1"),
        (ENVELOPE | {"jobid": "j-1", "specversion": "7"}, "j-1"),
        (ENVELOPE, None),
        (ENVELOPE | {"jobid": 7}, None),
        (b"{", None),
        (None, None),
    ],
)
def test_the_run_of_a_refused_record_is_known_if_it_names_one(value: Any, job: str | None) -> None:
    assert job_of(_raw(value)) == job
