"""The rules of change detection, one sentence each (section 8 of the contract)."""

from typing import Any

import pytest
from msgspec.structs import replace

from domain.changes import Decision, decide
from domain.comparison import COMPARED
from domain.events import Change, Classification
from domain.records import Deleted, Observed
from domain.ticket_state import REMEMBERED_IDS, TicketState, relearn
from tests.domain.strategies import (
    ALARMED,
    CALM,
    at,
    deleted,
    folded,
    log_of,
    observed,
    outcomes,
    unseen,
)


def _last(*records: Observed | Deleted) -> TicketState:
    return folded(records)[-1].state


# Created, updated, unchanged.


def test_the_first_sight_of_a_ticket_creates_it() -> None:
    (event,) = log_of([observed(5, 3, labels=ALARMED, event_id="e-1")])

    assert (event.type, event.version, event.changes) == ("created", 1, ())
    assert (event.occurred_at, event.observed_at) == (at(0), at(5))
    assert (event.cause, event.source, event.source_event_id) == ("upstream", "crm", "e-1")
    assert (event.detected_by, event.job_id, event.schema_version) == ("comparison", None, 1)
    assert event.ticket.updated_at == at(3)
    assert event.ticket.classification == Classification(ALARMED.matched, 2)


@pytest.mark.parametrize(
    ("field", "value", "old", "new"),
    [
        ("subject", "Scanner", "Printer", "Scanner"),
        ("message", "", "It is on fire.", ""),
        ("status", "closed", "open", "closed"),
        ("customer_id", None, "c-1", None),
        ("source", "web", "email", "web"),
        ("created_at", at(-1), "2026-01-01T00:00:00.000Z", "2025-12-31T23:59:59.000Z"),
    ],
)
def test_a_changed_field_is_one_update_with_old_and_new(
    field: str, value: Any, old: Any, new: Any
) -> None:
    event = log_of([observed(1), observed(2, **{field: value})])[-1]

    assert (event.type, event.version) == ("updated", 2)
    assert event.changes == (Change(field, old, new),)
    assert getattr(event.ticket, field) == value
    assert (event.occurred_at, event.observed_at) == (at(2), at(2))


def test_every_field_that_changed_is_in_the_one_event() -> None:
    changed: dict[str, Any] = {name: f"new {name}" for name in COMPARED if name != "created_at"}

    (_, event) = log_of([observed(1), observed(2, created_at=at(1), **changed)])

    assert [change.field for change in event.changes] == list(COMPARED)


def test_no_difference_is_unchanged() -> None:
    assert outcomes(observed(1), observed(2, 1)) == ["new_ingested", "unchanged"]


def test_a_moved_update_alone_is_no_change() -> None:
    records = observed(5), observed(6, 9), observed(7, 2)

    assert outcomes(*records) == ["new_ingested", "unchanged", "stale"]
    assert len(log_of(records)) == 1


# Duplicates.


def test_a_source_and_id_seen_before_change_nothing_at_all() -> None:
    first = decide(unseen(), observed(1, event_id="e")).state

    again = decide(first, observed(9, status="closed", event_id="e"))

    assert (again.outcome, again.event) == ("repeated", None)
    assert again.state is first


def test_the_same_id_of_another_source_is_another_record() -> None:
    records = observed(1, event_id="e"), observed(2, status="x", event_id="e", sender="desk")

    assert outcomes(*records) == ["new_ingested", "updated"]


def test_where_source_ends_and_id_begins_matters() -> None:
    records = (
        observed(1, sender="ab", event_id="c"),
        observed(2, sender="a", event_id="bc", status="closed"),
    )

    assert outcomes(*records)[-1] == "updated"


def test_the_last_32_ids_of_a_ticket_are_remembered() -> None:
    first = observed(1, event_id="first", status="first")
    others = [observed(n, event_id=f"o-{n}") for n in range(2, REMEMBERED_IDS + 1)]

    assert outcomes(first, *others, first)[-1] == "repeated"
    assert outcomes(first, *others, observed(90, event_id="one more"), first)[-1] == "stale"


def test_a_fingerprint_across_two_others_is_no_memory() -> None:
    state = TicketState(tenant_id="acme", external_id="T-1", recent=b"AAAAxxxx" + b"yyyyBBBB")

    assert not state.remembers(b"xxxxyyyy")
    assert state.remembers(b"yyyyBBBB")
    crossed = TicketState(tenant_id="acme", external_id="T-1", recent=b"aaaaxxxxyyyybbbbxxxxyyyy")
    assert crossed.remembers(b"xxxxyyyy")


def test_a_ticket_that_one_crawl_shows_twice_is_a_duplicate() -> None:
    twice = observed(1, job_id="j", event_id="a"), observed(2, job_id="j", event_id="b")

    assert outcomes(*twice) == ["new_ingested", "duplicates"]
    assert outcomes(*twice, observed(3, job_id="k"), observed(4), observed(5, job_id="k"))[2:] == [
        "unchanged",
        "unchanged",
        "duplicates",
    ]


def test_a_ticket_that_moved_on_within_one_crawl_is_updated() -> None:
    records = observed(1, job_id="j"), observed(2, job_id="j", status="closed")

    assert outcomes(*records) == ["new_ingested", "updated"]


# Stale.


def test_an_older_observation_with_other_content_is_stale() -> None:
    assert outcomes(observed(5), observed(6, 4, status="old")) == ["new_ingested", "stale"]


def test_a_newer_observation_may_be_heard_of_earlier() -> None:
    assert outcomes(observed(5), observed(1, 6, status="new")) == ["new_ingested", "updated"]


@pytest.mark.parametrize(("time", "outcome"), [(4, "stale"), (5, "stale"), (6, "updated")])
def test_at_equal_age_the_later_time_wins(time: int, outcome: str) -> None:
    assert outcomes(observed(5, 3), observed(time, 3, status="other"))[-1] == outcome


def test_unchanged_observations_do_not_move_what_is_stale() -> None:
    records = observed(1), observed(2, 9), observed(3, 5, status="closed")

    assert outcomes(*records) == ["new_ingested", "unchanged", "updated"]


def test_a_stale_observation_leaves_the_ticket_alone() -> None:
    state = _last(observed(5), observed(6, 4, status="old"))

    assert state.ticket is not None
    assert (state.ticket.status, state.ticket.updated_at, state.version) == ("open", at(5), 1)


# Deleted.


def test_a_deletion_is_an_event_that_keeps_the_ticket() -> None:
    event = log_of([observed(1, 0), deleted(2, detected_by="two_absences", job_id="j")])[-1]

    assert (event.type, event.version, event.occurred_at) == ("deleted", 2, at(2))
    assert (event.ticket.deleted_at, event.ticket.updated_at) == (at(2), at(0))
    assert event.changes == (Change("deleted_at", None, "2026-01-01T00:00:02.000Z"),)
    assert (event.detected_by, event.cause, event.job_id) == ("two_absences", "crawl", "j")


@pytest.mark.parametrize(("time", "outcome"), [(4, "void"), (5, "void"), (6, "deleted")])
def test_a_deletion_beats_only_observations_before_it(time: int, outcome: str) -> None:
    assert outcomes(observed(5), deleted(time))[-1] == outcome


def test_an_unchanged_observation_protects_from_older_deletions() -> None:
    assert outcomes(observed(1), observed(9), deleted(5))[-1] == "void"


def test_a_stale_observation_protects_from_older_deletions() -> None:
    assert outcomes(observed(1, 5), observed(9, 4, status="old"), deleted(7))[-1] == "void"


def test_a_ticket_is_deleted_once() -> None:
    assert outcomes(observed(1), deleted(2), deleted(3)) == ["new_ingested", "deleted", "void"]


def test_the_deletion_of_an_unknown_ticket_is_remembered_without_an_event() -> None:
    decision = decide(unseen(), deleted(5))

    assert (decision.outcome, decision.event, decision.state.version) == ("void", None, 0)
    assert not decision.state.is_live
    assert outcomes(deleted(5), observed(4), observed(5)) == ["void", "stale", "stale"]
    assert outcomes(deleted(5), observed(4), observed(6))[-1] == "new_ingested"


def test_the_latest_of_several_deletions_counts() -> None:
    assert outcomes(deleted(5), deleted(3), observed(4))[-1] == "stale"
    assert outcomes(observed(1), deleted(5), deleted(9), observed(7))[-1] == "stale"
    assert outcomes(observed(1), deleted(9), deleted(5), observed(7))[-1] == "stale"


# Restored.


def test_a_deleted_ticket_that_is_seen_later_is_restored() -> None:
    event = log_of([observed(1), deleted(2), observed(3, 0)])[-1]

    assert (event.type, event.version, event.occurred_at) == ("restored", 3, at(3))
    assert event.ticket.deleted_at is None
    assert event.changes == (Change("deleted_at", "2026-01-01T00:00:02.000Z", None),)


@pytest.mark.parametrize(("time", "outcome"), [(1, "stale"), (2, "stale"), (2.001, "restored")])
def test_only_a_sight_later_than_the_deletion_restores(time: float, outcome: str) -> None:
    assert outcomes(observed(1), deleted(2), observed(time, 9, event_id="x"))[-1] == outcome


def test_a_restored_ticket_is_as_it_was_seen_even_if_older() -> None:
    event = log_of([observed(5), deleted(6), observed(7, 2, status="closed")])[-1]

    assert [change.field for change in event.changes] == ["status", "deleted_at"]
    assert (event.ticket.status, event.ticket.updated_at) == ("closed", at(2))


def test_after_a_return_what_is_stale_is_judged_by_the_return() -> None:
    life = observed(5), deleted(6), observed(7, 2)

    assert outcomes(*life, observed(8, 3, status="closed"))[-1] == "updated"
    assert outcomes(*life, observed(8, 1, status="closed"))[-1] == "stale"
    assert outcomes(*life, observed(7, 2, status="closed"))[-1] == "stale"
    assert outcomes(*life, deleted(7))[-1] == "void"
    assert outcomes(*life, deleted(8))[-1] == "deleted"


# Labels.


def test_unchanged_text_keeps_its_labels_and_ruleset() -> None:
    event = log_of([observed(1, labels=CALM), observed(2, status="x", labels=ALARMED)])[-1]

    assert (event.ticket.urgency, event.ticket.classification.ruleset_version) == ("low", 1)
    assert [change.field for change in event.changes] == ["status"]


def test_new_rules_alone_change_nothing() -> None:
    assert outcomes(observed(1, labels=CALM), observed(2, labels=ALARMED))[-1] == "unchanged"


@pytest.mark.parametrize("field", ["subject", "message"])
def test_changed_text_gets_the_labels_of_today(field: str) -> None:
    new: dict[str, Any] = {field: "new"}

    event = log_of([observed(1, labels=CALM), observed(2, labels=ALARMED, **new)])[-1]

    assert event.ticket.classification == Classification(ALARMED.matched, 2)
    assert [change.field for change in event.changes] == [
        field, "urgency", "sentiment", "requires_action",
    ]  # fmt: skip


def test_a_return_keeps_the_labels_of_its_text() -> None:
    records = observed(1, labels=CALM), deleted(2), observed(3, labels=ALARMED)

    assert log_of(records)[-1].ticket.urgency == "low"


# What is remembered of sightings.


def test_the_last_source_and_the_last_crawl_are_remembered() -> None:
    state = _last(observed(1, job_id="j", sender="desk"), observed(2, source="crm"))

    assert (state.source, state.run) == ("crm", "j")


def test_what_the_log_teaches_does_not_make_a_crawl_forgotten() -> None:
    records = observed(1, job_id="j"), observed(2, status="closed", sender="desk")
    log = log_of(records)

    learnt = relearn(_last(*records[:1]), log[1])

    assert (learnt.source, learnt.run) == ("desk", "j")
    assert learnt.has_forgotten
    assert replace(learnt, recent=b"") == replace(_last(*records), recent=b"")


def test_a_sight_that_a_deletion_outlives_leaves_no_trace_but_its_id() -> None:
    gone = _last(observed(1, job_id="j"), deleted(5))
    after = decide(gone, observed(4, job_id="k", sender="desk", event_id="late")).state

    assert (after.source, after.run, after.observed_at) == (gone.source, gone.run, at(1))
    assert after.recent[:-8] == gone.recent


def test_live_is_what_was_seen_and_not_deleted() -> None:
    assert not unseen().is_live
    assert _last(observed(1)).is_live
    assert not _last(observed(1), deleted(2)).is_live
    assert _last(observed(1), deleted(2), observed(3)).is_live


# A source that insists on stale content.


def _crawled(*shown: tuple[str, str | None, str]) -> list[Decision]:
    """Decisions on stale statuses: each with its run and the complete run before it."""
    decisions = [decide(unseen(), observed(10, 10, sender="desk", job_id="run-0"))]
    for time, (run, complete_before, status) in enumerate(shown, start=11):
        record = observed(time, 1, sender="desk", job_id=run, status=status)
        decisions.append(decide(decisions[-1].state, record, complete_before))
    return decisions[1:]


def test_stale_content_of_two_complete_crawls_in_a_row_is_believed() -> None:
    first, second = _crawled(("run-1", "run-0", "closed"), ("run-2", "run-1", "closed"))

    assert (first.outcome, first.event) == ("stale", None)
    assert second.event is not None
    assert (second.outcome, second.event.detected_by) == ("updated", "source_insists")
    assert (second.event.ticket.status, second.event.ticket.updated_at) == ("closed", at(1))


@pytest.mark.parametrize(
    "second",
    [
        ("run-1", "run-0", "closed"),  # the same crawl showed it twice
        ("run-2", "run-0", "closed"),  # the crawl in between did not complete
        ("run-2", None, "closed"),
        ("run-2", "run-1", "pending"),  # other content
    ],
)
def test_stale_content_is_not_believed_otherwise(second: tuple[str, str | None, str]) -> None:
    decisions = _crawled(("run-1", "run-0", "closed"), second)

    assert [decision.outcome for decision in decisions] == ["stale", "stale"]


def test_a_crawl_that_shows_the_known_content_ends_the_insisting() -> None:
    decisions = _crawled(("run-1", "run-0", "closed"))
    known = observed(20, 10, sender="desk", job_id="run-2")
    agreed = decide(decisions[-1].state, known, "run-1").state
    again = observed(21, 1, sender="desk", job_id="run-3", status="closed")

    assert decide(agreed, again, "run-2").outcome == "stale"


def test_what_upstream_systems_repeat_is_never_insisting() -> None:
    records = [observed(10), *(observed(time, 1, status="closed") for time in (11, 12, 13))]

    assert outcomes(*records) == ["new_ingested", "stale", "stale", "stale"]


# What a crawl may delete.


def test_a_crawl_deletes_only_what_its_helpdesk_showed_last() -> None:
    of_desk = observed(1, sender="desk", job_id="run-1")
    of_crm = observed(2, status="pending", sender="crm")
    gone = deleted(3, sender="desk", job_id="run-2")

    assert outcomes(of_desk, gone) == ["new_ingested", "deleted"]
    assert outcomes(of_desk, of_crm, gone) == ["new_ingested", "updated", "void"]


def test_a_crawl_never_deletes_what_was_observed_since_it_began() -> None:
    seen = observed(5, sender="desk", job_id="run-1")

    assert outcomes(seen, deleted(5, sender="desk", job_id="run-2")) == ["new_ingested", "void"]
