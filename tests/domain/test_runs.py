"""Runs: what the audit says, and that its bytes are kept for ever."""

from typing import Any

import pytest

from domain.errors import UndecodableEventError
from domain.events import Tally
from domain.runs import (
    ACTIVE,
    ENDED,
    PHASE_OF,
    RunAudit,
    audit,
    decode_audit,
    encode_audit,
)
from tests.domain.golden_bytes import golden, with_future_members
from tests.domain.strategies import at

AUDIT = RunAudit(
    job_id="j-1",
    tenant_id="acme",
    parent_id=None,
    status="SUCCESS",
    started_at=at(0),
    ended_at=at(1.5),
    pages=1,
    fetched=31,
    new_ingested=1,
    updated=2,
    unchanged=3,
    stale=4,
    deleted=5,
    restored=6,
    rejected=7,
    foreign=8,
    duplicates=0,
    errors=("x",),
)
JOB: dict[str, Any] = {
    "_id": "j-1",
    "tenant_id": "acme",
    "parent_id": None,
    "outcome": "SUCCESS",
    "requested_at": at(-1),
    "started_at": at(0),
    "pages_done": 1,
    "fetched": 31,
    "foreign": 8,
    "rejected": 2,
    "errors": ["x"],
}
TALLY = Tally(new_ingested=1, updated=2, unchanged=3, stale=4, deleted=5, restored=6, rejected=5)


def test_old_bytes_still_mean_what_they_meant() -> None:
    (bytes_,) = golden("audits")

    assert decode_audit(bytes_) == AUDIT
    assert encode_audit(AUDIT) == bytes_
    assert decode_audit(with_future_members(bytes_)) == AUDIT


@pytest.mark.parametrize("value", [None, b"{}", b"\xff", b'{"type":"run.began"}', b"[" * 100_000])
def test_other_bytes_are_named_undecodable(value: bytes | None) -> None:
    with pytest.raises(UndecodableEventError):
        decode_audit(value)


def test_the_audit_adds_what_the_crawl_and_the_sync_agent_rejected() -> None:
    assert audit(JOB, TALLY, at(1.5)) == AUDIT


def test_a_run_that_never_started_is_audited_from_its_request() -> None:
    assert audit(JOB | {"started_at": None}, TALLY, at(1.5)).started_at == at(-1)


def test_every_fetched_row_has_one_outcome() -> None:
    assert AUDIT.unaccounted == 0
    assert audit(JOB | {"fetched": 33}, TALLY, at(1)).unaccounted == 2
    assert audit(JOB, TALLY.plus("duplicates"), at(1)).unaccounted == -1
    assert audit(JOB, TALLY.plus("deleted"), at(1)).unaccounted == 0


def test_every_outcome_ends_in_a_phase_that_is_over() -> None:
    assert set(PHASE_OF.values()) == set(ENDED)
    assert not set(ENDED) & set(ACTIVE)
