"""What events make of documents: in order, once, and a gap stops one ticket only."""

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import VersionGapError
from domain.events import ChangeEvent, encode
from domain.read_models import (
    Applied,
    TicketsFold,
    audit_document,
    history_document,
    ticket_document,
)
from domain.records import Deleted, Observed
from tests.domain.strategies import ALARMED, at, deleted, folded, lives, log_of, observed
from tests.domain.test_runs import AUDIT
from tests.oracle import naive_documents

PARTITION = 0


def _fold(*batches: Sequence[ChangeEvent]) -> TicketsFold:
    """A fold that is put away and taken up again between batches, as the projector does."""
    fold = TicketsFold({}, set())
    for batch in batches:
        fold = TicketsFold(
            dict(fold.applied),
            set(fold.parked),
            dict(fold.tickets),
            list(fold.history),
            list(fold.parking),
        )
        for event in batch:
            fold.apply(event, PARTITION)
    return fold


def _outcome(fold: TicketsFold) -> tuple[object, ...]:
    """All that a fold amounts to."""
    digests = dict(fold.digests.items())
    return fold.applied, fold.tickets, fold.history, fold.parking, fold.new, digests


def _log(records: list[Observed | Deleted]) -> list[ChangeEvent]:
    """The log of several tickets, in the order of their records."""
    order: list[ChangeEvent] = []
    for external_id in sorted({_id(record) for record in records}):
        order += log_of([record for record in records if _id(record) == external_id])
    return sorted(order, key=lambda event: (event.version, event.key))


def _id(record: Observed | Deleted) -> str:
    return record.key.split(":")[1]


def test_a_ticket_has_the_fields_of_the_contract() -> None:
    (event,) = log_of([observed(5, 3, labels=ALARMED)])

    assert ticket_document(event) == {
        "_id": "acme:T-1",
        "tenant_id": "acme",
        "external_id": "T-1",
        "source": "email",
        "customer_id": "c-1",
        "subject": "Printer",
        "message": "It is on fire.",
        "status": "open",
        "created_at": at(0),
        "updated_at": at(3),
        "deleted_at": None,
        "urgency": "high",
        "sentiment": "negative",
        "requires_action": True,
        "classification": {
            "matched": [{"rule": "outage", "text": "is down"}],
            "ruleset_version": 2,
        },
        "version": 1,
        "changed_at": at(5),
    }


def test_history_has_the_fields_of_the_contract() -> None:
    event = log_of([observed(1), observed(2, status="closed", job_id="j")])[-1]

    assert history_document(event) == {
        "_id": "acme:T-1:2",
        "tenant_id": "acme",
        "ticket_id": "T-1",
        "version": 2,
        "action": "updated",
        "changes": [{"field": "status", "old": "open", "new": "closed"}],
        "occurred_at": at(2),
        "observed_at": at(2),
        "job_id": "j",
        "cause": "crawl",
        "detected_by": "comparison",
    }


def test_an_audit_has_the_fields_of_the_contract() -> None:
    ended_at = AUDIT.ended_at.replace(microsecond=123_456)
    document = audit_document(msgspec.structs.replace(AUDIT, ended_at=ended_at))

    assert document["ended_at"].microsecond == 123_000, "what MongoDB keeps"
    assert document["_id"] == document["job_id"] == "j-1"
    assert document["errors"] == ["x"]
    assert set(document) >= {
        "job_id", "tenant_id", "status", "started_at", "ended_at", "pages", "fetched",
        "new_ingested", "updated", "unchanged", "stale", "deleted", "restored", "rejected",
        "foreign", "duplicates", "errors",
    }  # fmt: skip


@given(lives(tickets=3))
def test_documents_are_what_a_naive_reading_of_the_log_says(
    records: list[Observed | Deleted],
) -> None:
    log = _log(records)
    fold = _fold(log)

    tickets, history = naive_documents(json.loads(encode(event)) for event in log)

    assert (fold.tickets, fold.history) == (tickets, history)
    assert fold.new == set(tickets)
    assert not fold.parking


@given(lives(tickets=3), st.data())
def test_late_duplicates_change_nothing(
    records: list[Observed | Deleted], data: st.DataObject
) -> None:
    log = _log(records)
    late = list(log)
    for event in log:
        late.insert(data.draw(st.integers(late.index(event) + 1, len(late))), event)

    assert _outcome(_fold(late)) == _outcome(_fold(log))


@given(lives(tickets=3), st.lists(st.integers(0, 20), max_size=4))
def test_however_the_log_is_cut_the_documents_are_the_same(
    records: list[Observed | Deleted], cuts: list[int]
) -> None:
    log = _log(records)
    bounds = [0, *sorted(cuts), len(log)]

    cut = _fold(*(log[a:b] for a, b in pairwise(bounds)))

    whole = _fold(log)
    assert (cut.tickets, cut.history) == (whole.tickets, whole.history)
    assert cut.applied == whole.applied


@given(lives(tickets=3), st.data())
def test_a_gap_parks_only_its_ticket(
    records: list[Observed | Deleted], data: st.DataObject
) -> None:
    log = _log(records)
    if not log:
        return
    lost = data.draw(st.sampled_from(log))
    rest = [event for event in log if event is not lost]

    fold, whole = _fold(rest), _fold(log)

    waiting = [e for e in log if e.key == lost.key and e.version > lost.version]
    assert fold.parking == waiting
    assert fold.parked == ({lost.key} if waiting else set())
    others = {key for key in whole.tickets if key != lost.key}
    assert {k: fold.tickets[k] for k in others} == {k: whole.tickets[k] for k in others}
    known = fold.applied.get(lost.key)
    assert (known.version if known else 0) == lost.version - 1


def test_a_parked_ticket_waits_for_its_redrive_even_if_the_lost_event_comes() -> None:
    first, second, third = log_of([observed(1), deleted(2), observed(3)])
    before = _fold([first, third])

    fold = TicketsFold(dict(before.applied), set(before.parked))
    fold.apply(second, PARTITION)

    assert (fold.parking, fold.tickets, fold.history) == ([second], {}, [])


def test_what_is_known_and_what_is_new_are_told_apart() -> None:
    first, second = log_of([observed(1), deleted(2)])
    fold = TicketsFold({first.key: Applied(1, b"")}, set())

    fold.apply(second, PARTITION)

    assert (fold.new, list(fold.tickets)) == (set(), [first.key])


def test_instants_in_documents_are_what_mongodb_keeps() -> None:
    event = log_of([observed(1.0005)])[-1]

    moments = [v for v in ticket_document(event).values() if isinstance(v, datetime)]
    assert all(moment.utcoffset() is not None for moment in moments)


def test_a_gap_says_what_was_expected() -> None:
    error = VersionGapError("acme:T-1", 2, 3)

    assert str(error) == "ticket acme:T-1: expected version 2, received 3"
    assert folded([observed(1)])[0].state.version == 1
