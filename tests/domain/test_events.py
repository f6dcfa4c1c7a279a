"""The wire formats are promises: what was written once still means the same, byte for byte."""

import json
from typing import Any

import pytest

from domain.changes import decide
from domain.erasure import erase, erasure
from domain.errors import UndecodableEventError
from domain.events import ChangeEvent, LogRecord, RunMarker, Tally, decode, encode
from domain.records import (
    ClassifiedRecord,
    Deleted,
    Observed,
    Origin,
    Provenance,
    Reclassified,
    Refused,
    RunEnded,
    decode_record,
    encode_record,
)
from tests.domain.golden_bytes import golden, with_future_members
from tests.domain.strategies import ALARMED, at, deleted, folded, log_of, observed

ORIGIN = Origin(0, 3, 41)
CLASSIFIED: list[ClassifiedRecord] = [
    observed(1.5, 1, origin=ORIGIN, event_id="e-1", job_id="j-1", labels=ALARMED),
    deleted(2, origin=ORIGIN, event_id="e-2"),
    Refused(ORIGIN, "j-1", "id: nothing is no identifier"),
    RunEnded("j-1", "acme", "SUCCESS", 3, 8, 41, ORIGIN),
    Reclassified(
        Provenance("deskstream", "ruleset-2", at(5), "reclassify"),
        "acme",
        "T-1",
        b"\x00\x01abcdef",
        ALARMED,
    ),
    erasure(("acme", "T-1"), "r-1", at(5)),
    erasure(("acme", "T-1"), "r-2", at(6), lifted=True),
]
LIFE: list[Observed | Deleted] = [
    observed(1, event_id="e-1", labels=ALARMED),
    observed(2, event_id="e-2", status="closed", created_at=at(1.25), customer_id=None),
    deleted(3, event_id="e-3", job_id="j-1", detected_by="deleted-tickets"),
    observed(4, event_id="e-4", message="Thanks.", job_id="j-2"),
]
MARKER = RunMarker(
    job_id="j-1",
    tenant_id="acme",
    outcome="PARTIAL_SUCCESS",
    partition=3,
    partitions=8,
    tally=Tally(1, 2, 3, 4, 5, 6, 7, 8),
)
ERASED = erase(folded(LIFE)[-1].state, erasure(("acme", "T-1"), "r-1", at(5)))
CHANGES: list[LogRecord] = [
    *log_of(LIFE),
    MARKER,
    *(
        d.event
        for d in (ERASED, decide(ERASED.state, observed(6, event_id="e-6", status="closed")))
        if d.event
    ),
]
_PAIRS: dict[str, list[Any]] = {
    "classified": list(zip(golden("classified"), CLASSIFIED, strict=True)),
    "changes": list(zip(golden("changes"), CHANGES, strict=True)),
}


@pytest.mark.parametrize(("bytes_", "record"), _PAIRS["classified"])
def test_old_classified_bytes_still_mean_what_they_meant(
    bytes_: bytes, record: ClassifiedRecord
) -> None:
    assert decode_record(bytes_) == record
    assert encode_record(record) == bytes_
    assert decode_record(with_future_members(bytes_)) == record


@pytest.mark.parametrize(("bytes_", "record"), _PAIRS["changes"])
def test_old_change_bytes_still_mean_what_they_meant(bytes_: bytes, record: LogRecord) -> None:
    assert decode(bytes_) == record
    assert encode(record) == bytes_
    assert decode(with_future_members(bytes_)) == record


def test_the_golden_life_has_every_type_of_event() -> None:
    types = [json.loads(line).get("type") for line in golden("changes")]

    assert types == ["created", "updated", "deleted", "restored", None, "erased", "updated"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"null",
        b"[]",
        b"{}",
        b"{",
        b"\xff\xfe",
        b'{"kind":"change"}',
        b'{"kind":"invented"}',
        b'{"type":"invented"}',
        b'{"type":"refused","origin":[0,1],"job_id":"j","reason":"r"}',
        b'{"kind":"change","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"type":"refused","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
@pytest.mark.parametrize("reader", [decode, decode_record])
def test_bytes_of_no_contract_are_named_undecodable(reader: Any, value: bytes | None) -> None:
    with pytest.raises(UndecodableEventError) as caught:
        reader(value)
    assert caught.value.reason


def test_keys_of_records_name_the_ticket() -> None:
    assert {record.key for record in LIFE} == {"acme:T-1"}
    assert {event.key for event in CHANGES if isinstance(event, ChangeEvent)} == {"acme:T-1"}


def test_tallies_add_up_counter_by_counter() -> None:
    assert Tally(1, 2, 3) + Tally(stale=4, unchanged=1) == Tally(1, 2, 4, 4)
    assert Tally().plus("stale").plus("stale") == Tally(stale=2)
