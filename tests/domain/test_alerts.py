"""Which changes call for an alert, which are suppressed, and what an answer means."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from domain.alerts import (
    Alert,
    Delivered,
    Failed,
    Outcome,
    Refused,
    alert_of,
    calls_for_alert,
    outcome_of,
)
from domain.events import ChangeEvent
from domain.records import Cause, Deleted, Observed
from tests.domain.strategies import ALARMED, CALM, at, deleted, log_of, observed

WEEK = timedelta(days=7)
DOWN = "Now the whole shop is down."


def alerts(*records: Observed | Deleted, max_age: timedelta = WEEK) -> list[int]:
    """The versions of one ticket at which an alert is due."""
    events = log_of(records)
    return [
        event.version for event in events if alert_of(event, event.observed_at, max_age) is not None
    ]


def created(**changes: object) -> ChangeEvent:
    """A ticket that is created urgent."""
    (event,) = log_of([observed(5, labels=ALARMED)])
    return replace(event, **changes)


def test_a_ticket_that_is_created_urgent_is_due() -> None:
    event = created()

    assert alert_of(event, event.observed_at, WEEK) == Alert(
        id=event.id,
        tenant_id="acme",
        ticket_id="T-1",
        version=1,
        action="created",
        urgency="high",
        reason="created with urgency high (outage: “is down”)",
        due_at=at(5),
        suppressed=None,
    )


def test_a_ticket_that_becomes_urgent_is_due_once() -> None:
    becomes = observed(2, labels=ALARMED, message=DOWN)
    stays = observed(3, labels=ALARMED, message="It is still down!")
    closed = observed(4, labels=ALARMED, message="It is still down!", status="pending")

    assert alerts(observed(1, labels=CALM), becomes, stays, closed) == [2]


def test_each_time_that_it_becomes_urgent_it_is_due() -> None:
    """The policy for what calms down and becomes urgent again: it is a new emergency."""
    calms = observed(2, labels=CALM, message="Works again.")
    again = observed(3, labels=ALARMED, message=DOWN)

    assert alerts(observed(1, labels=ALARMED), calms, again) == [1, 3]


def test_a_deletion_is_not_due_and_a_restoration_is() -> None:
    assert alerts(observed(1, labels=ALARMED), deleted(2), observed(3, labels=ALARMED)) == [1, 3]
    assert alerts(observed(1, labels=CALM), deleted(2), observed(3, labels=CALM)) == []


@pytest.mark.parametrize("cause", ["replay", "reclassify", "erase"])
def test_what_is_only_found_out_again_is_not_due(cause: Cause) -> None:
    event = created(cause=cause)

    assert alert_of(event, event.observed_at, WEEK) is None
    assert calls_for_alert(event)


@pytest.mark.parametrize("cause", ["crawl", "upstream", "redrive"])
def test_what_happened_is_due_however_it_came(cause: Cause) -> None:
    assert alert_of(created(cause=cause), at(5), WEEK) is not None


@pytest.mark.parametrize("status", ["closed", "Closed"])
def test_a_closed_ticket_is_suppressed_with_the_reason(status: str) -> None:
    event = created()
    alert = alert_of(replace(event, ticket=replace(event.ticket, status=status)), at(5), WEEK)

    assert alert is not None
    assert alert.suppressed == "the ticket is closed"


@pytest.mark.parametrize(("seconds", "is_suppressed"), [(-1, False), (0, False), (1, True)])
def test_an_old_ticket_is_suppressed_by_when_its_change_was_written(
    seconds: int, is_suppressed: bool
) -> None:
    """A source's own clock, in `observed_at`, may say anything."""
    alert = alert_of(created(), at(WEEK.total_seconds() + seconds), WEEK)

    assert alert is not None
    assert (alert.suppressed is not None) == is_suppressed
    if is_suppressed:
        assert alert.suppressed == (
            "the ticket is older than ALERT_MAX_AGE: created 2026-01-01T00:00:00.000Z"
        )


def test_without_evidence_the_reason_says_what_happened() -> None:
    event = created()
    bare = replace(event.ticket.classification, matched=())
    alert = alert_of(replace(event, ticket=replace(event.ticket, classification=bare)), at(5), WEEK)

    assert alert is not None
    assert alert.reason == "created with urgency high"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Delivered(200)),
        (202, Delivered(202)),
        (204, Delivered(204)),
        (302, Refused("answered 302")),
        (400, Refused("answered 400")),
        (401, Refused("answered 401")),
        (404, Refused("answered 404")),
        (422, Refused("answered 422")),
        (408, Failed("answered 408", counts=False, retry_after="7")),
        (425, Failed("answered 425", counts=False, retry_after="7")),
        (429, Failed("answered 429", counts=False, holds_all=True, retry_after="7")),
        (500, Failed("answered 500", retry_after="7")),
        (503, Failed("answered 503", retry_after="7")),
    ],
)
def test_what_an_answer_means(status: int, outcome: Outcome) -> None:
    assert outcome_of(status, "7") == outcome
