"""Erasure: whatever came before and whatever comes after, the text and the customer are gone."""

from collections.abc import Sequence

import bson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.alerts import alert_of
from domain.blanks import blanked_event
from domain.comparison import COMPARED
from domain.erasure import erase, erasure
from domain.events import ChangeEvent, encode
from domain.read_models import Document
from domain.reclassification import reclassification
from domain.ticket_state import relearn
from projections.log_facts import read_change
from projections.naive_fold import NO_ENTRIES, Fold, chained, digest
from projections.naive_sums import Sums, add_cells, count
from projections.roll_up_merging import MOST_WORDS
from tests.domain.erasures import NEEDLES, Record, Stored, erased_lives, fold, stored
from tests.domain.strategies import ALARMED, at, deleted, observed, unseen
from tests.domain.test_roll_ups import merge

REQUEST = erasure(("acme", "T-1"), "r-1", at(50))
LIFT = erasure(("acme", "T-1"), "r-2", at(60), lifted=True)


def _needles(*values: bytes) -> set[str]:
    return {needle for needle in NEEDLES for value in values if needle.encode() in value}


def _in_documents(found: Stored) -> set[str]:
    sums: dict[str, Document] = {}
    merge(sums, found.deltas)
    documents = [*found.tickets.values(), *found.history.values(), *sums.values()]
    return _needles(*map(bson.encode, documents))


@given(erased_lives(lifts=False), erased_lives(lifts=False), st.lists(st.integers(1, 6)))
def test_of_an_erased_ticket_no_document_holds_anything_whatever_sources_show(
    before: list[Record], after: list[Record], sizes: list[int]
) -> None:
    assume(fold(before)[1])  # what was never seen has nothing to erase
    later = [replace(r, provenance=replace(r.provenance, event_id=f"l{n}"))
             for n, r in enumerate(after)]  # fmt: skip
    state, log = fold([*before, REQUEST, *later])

    found = stored(log, sizes)

    assert _in_documents(found) == set()
    assert found.digests == found.recomputed()
    assert _needles(repr(state.ticket).encode()) == set()


@given(erased_lives(), st.lists(st.integers(1, 6)))
def test_sums_and_digests_are_those_of_the_documents_whatever_was_erased_and_lifted(
    life: list[Record], sizes: list[int]
) -> None:
    found = stored(fold(life)[1], sizes)

    expected, counted = Sums(), Sums()
    sums: dict[str, Document] = {}
    for ticket in found.tickets.values():
        if ticket["deleted_at"] is None:
            count(expected, ticket)
    merge(sums, found.deltas)
    for document in sums.values():
        if document["kind"] != "all":
            add_cells(counted, document, document["kind"])
    assert {k: v for k, v in counted.items() if v} == {k: v for k, v in expected.items() if v}
    assert found.digests == found.recomputed()


@given(erased_lives(), st.lists(st.integers(1, 6)), st.lists(st.integers(1, 6)))
def test_batches_do_not_matter(life: list[Record], sizes: list[int], others: list[int]) -> None:
    log = fold(life)[1]

    one, other = stored(log, sizes), stored(log, others)

    assert (one.tickets, one.history, one.digests) == (other.tickets, other.history, other.digests)


@given(erased_lives())
def test_the_naive_fold_expects_what_projectors_keep(life: list[Record]) -> None:
    log = fold(life)[1]
    assume(log)
    naive, found = Fold(), stored(log)
    for event in log:
        fact = read_change(encode(event))
        assert fact is not None
        naive.add(fact, encode(event))

    expected = naive.expected("acme:T-1")

    chain = NO_ENTRIES
    for version in range(1, len(log) + 1):
        chain = chained(chain, found.history[f"acme:T-1:{version}"])
    document = {n: v for n, v in found.tickets["acme:T-1"].items() if n != "digest"}
    assert (expected.document, expected.entries) == (digest(document), chain)


@given(erased_lives(), st.lists(st.integers(1, 6)))
def test_a_rewritten_log_holds_nothing_that_was_erased_and_gives_the_same_documents(
    life: list[Record], sizes: list[int]
) -> None:
    log = fold(life)[1]
    last = max((e.version for e in log if e.type == "erased"), default=0)

    rewritten = [blanked_event(e) if e.version < last else e for e in log]

    assert _needles(*(encode(e) for e in rewritten if e.version <= last)) == set()
    one, other = stored(log), stored(rewritten, sizes)
    assert (one.tickets, one.history, one.digests) == (other.tickets, other.history, other.digests)
    assert [blanked_event(e) for e in rewritten[:last]] == rewritten[:last]


@given(erased_lives(), st.integers(0, 20))
def test_the_state_is_what_the_log_tells_of_it(life: list[Record], age: int) -> None:
    state, log = fold(life)
    told = unseen()
    for event in [*log[:age], *log]:
        told = relearn(told, event)

    assert (told.version, told.ticket) == (state.version, state.ticket)
    assert (told.changed_at, told.insisted) == (state.changed_at, told.insisted)


@given(erased_lives(lifts=False))
def test_erased_twice_is_erased_once(life: list[Record]) -> None:
    state, _ = fold(life)
    once = erase(state, REQUEST).state

    again = erase(once, replace(REQUEST, provenance=replace(REQUEST.provenance, time=at(70))))

    assert (again.state, again.event, again.outcome) == (once, None, "void")
    assert again.state is once


def test_a_ticket_stays_with_its_status_and_labels() -> None:
    state, _ = fold([observed(1, labels=ALARMED)])
    before = state.ticket

    after = erase(state, REQUEST).state.ticket

    assert before is not None
    assert after is not None
    kept = [name for name in COMPARED if getattr(after, name) == getattr(before, name)]
    assert kept == ["status", "source", "created_at"]
    assert (after.urgency, after.sentiment, after.requires_action) == ("high", "negative", True)
    assert [match.rule for match in after.classification.matched] == ["outage"]
    assert after.erased_at == at(50)


def test_what_happens_to_an_erased_ticket_is_still_told() -> None:
    _, log = fold([
        observed(1, labels=ALARMED), REQUEST,
        observed(51, status="closed"), deleted(52), observed(53, status="open", labels=ALARMED),
    ])  # fmt: skip

    assert _said(log) == [
        ("created", []), ("erased", ["subject", "message", "customer_id"]),
        ("updated", ["status"]), ("deleted", ["deleted_at"]),
        ("restored", ["status", "deleted_at"]),
    ]  # fmt: skip
    assert {event.ticket.urgency for event in log} == {"high"}
    assert [event.schema_version for event in log] == [1, 2, 2, 2, 2]


def _said(log: Sequence[ChangeEvent]) -> list[tuple[str, list[str]]]:
    return [(event.type, [change.field for change in event.changes]) for event in log]


def test_once_lifted_sources_show_it_again() -> None:
    _, log = fold([observed(1), REQUEST, observed(51), LIFT, observed(61)])

    assert _said(log)[2:] == [("updated", []), ("updated", ["subject", "message", "customer_id"])]
    assert log[-1].ticket.message == "It is on fire."
    assert (log[2].cause, log[2].detected_by, log[2].ticket.erased_at) == ("erase", "lift", None)


def test_what_was_never_seen_or_never_erased_has_nothing_to_take_or_to_lift() -> None:
    gone, _ = fold([deleted(1)])
    live, _ = fold([observed(1)])

    assert [erase(s, REQUEST).event for s in (unseen(), gone)] == [None, None]
    assert [erase(s, LIFT).event for s in (unseen(), live)] == [None, None]


def test_rules_judge_no_text_that_is_gone() -> None:
    state = erase(fold([observed(1)])[0], REQUEST).state

    assert reclassification(state, ALARMED, at(70)) is None


def test_stale_content_that_a_source_insisted_on_is_forgotten() -> None:
    state, _ = fold([observed(3, job_id="j-1"), observed(4, 1, message="old", job_id="j-2")])
    assert state.insisted is not None

    assert erase(state, REQUEST).state.insisted is None


def test_nobody_is_told_of_an_erasure() -> None:
    _, log = fold([observed(1, labels=ALARMED), REQUEST])

    assert alert_of(log[-1], at(51), at(99) - at(0)) is None


def test_an_erasure_of_a_parked_ticket_blanks_what_there_is() -> None:
    _, log = fold([
        observed(1, message="needlemessage", customer_id="needlecustomer"), observed(2),
        observed(3, message="needlemessage"), REQUEST,
    ])  # fmt: skip
    found = stored(log[:1])

    parked = found.apply(log[2:])

    assert [event.version for event in parked.parking] == [3, 4]
    assert found.tickets["acme:T-1"]["version"] == 1
    assert _in_documents(found) == set()
    assert found.digests == found.recomputed()


@pytest.mark.parametrize("gone", [[], [deleted(2)]])
def test_what_left_the_sums_is_merged_at_once_and_behind_what_named_it(gone: list[Record]) -> None:
    found = stored(fold([observed(1, message="needlemessage"), *gone, REQUEST])[1])

    weights = [delta["weight"] for delta in found.deltas]

    assert weights[-1] >= MOST_WORDS > max(weights[:-1])
    assert _in_documents(found) == set()
