"""Alerts: which change events call for one, why some are never sent, and what an answer means."""

from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias

from domain.events import ChangeEvent, ChangeType
from domain.instants import rfc3339
from domain.labels import Urgency
from domain.records import Cause

AlertState: TypeAlias = Literal["pending", "delivered", "suppressed", "dead_letter"]

ALERT_STATES: Final[tuple[AlertState, ...]] = (
    "pending", "delivered", "suppressed", "dead_letter",
)  # fmt: skip

# What happened to the ticket now, in contrast to what we found out about it again.
_TOLD: Final[frozenset[Cause]] = frozenset({"crawl", "upstream", "redrive"})
_SHOWN_MATCHES: Final = 3
_SERVER_ERRORS: Final = 500
_SUCCESSES: Final = range(200, 300)
# Refusals of the moment, not of the alert: RFC 9110 (15.5.9), RFC 8470 (5.2), RFC 6585 (4).
_TOO_MANY: Final = 429
_PASSING: Final = frozenset({408, 425, _TOO_MANY})


class Alert(NamedTuple):
    """One transition of a ticket into urgency high.

    `id` is the event's and the receiver's idempotency key.  `due_at` is when the change was
    written to the log: a source's own clock may say anything.  `suppressed` says why nobody is
    told; None: somebody is.
    """

    id: str
    tenant_id: str
    ticket_id: str
    version: int
    action: ChangeType
    urgency: Urgency
    reason: str
    due_at: datetime
    suppressed: str | None


class Delivered(NamedTuple):
    """The receiver has it."""

    status: int


class Refused(NamedTuple):
    """The receiver will never take it, however often it is sent.

    `answer` is what it said, which may repeat the text of a ticket: nothing for a log.
    """

    reason: str
    answer: str = ""


class Failed(NamedTuple):
    """The receiver may take it later.

    `counts` tells whether the circuit is to know, `holds_all` whether all calls are meant;
    `retry_after` is the header as it came.
    """

    reason: str
    counts: bool = True
    holds_all: bool = False
    retry_after: str | None = None


Outcome: TypeAlias = Delivered | Refused | Failed


def calls_for_alert(event: ChangeEvent) -> bool:
    """True if the event takes a live ticket into urgency high, whatever caused it."""
    if event.ticket.urgency != "high" or event.type == "deleted":
        return False
    return event.type in ("created", "restored") or any(
        change.field == "urgency" for change in event.changes
    )


def alert_of(event: ChangeEvent, written_at: datetime, max_age: timedelta) -> Alert | None:
    """The alert that an event of the log makes due, if it does; `max_age` is of its ticket.

    What is replayed, reclassified or erased makes none.
    """
    if event.cause not in _TOLD or not calls_for_alert(event):
        return None
    return Alert(
        id=event.id,
        tenant_id=event.tenant_id,
        ticket_id=event.external_id,
        version=event.version,
        action=event.type,
        urgency=event.ticket.urgency,
        reason=_reason(event),
        due_at=written_at,
        suppressed=_suppression(event, written_at, max_age),
    )


def outcome_of(status: int, retry_after: str | None) -> Outcome:
    """What an answer of the receiver means."""
    if status in _SUCCESSES:
        return Delivered(status)
    if status >= _SERVER_ERRORS:
        return Failed(f"answered {status}", retry_after=retry_after)
    if status in _PASSING:
        return Failed(
            f"answered {status}",
            counts=False,
            holds_all=status == _TOO_MANY,
            retry_after=retry_after,
        )
    return Refused(f"answered {status}")


def _suppression(event: ChangeEvent, written_at: datetime, max_age: timedelta) -> str | None:
    ticket = event.ticket
    if ticket.status.casefold() == "closed":
        return "the ticket is closed"
    if written_at - ticket.created_at > max_age:
        return f"the ticket is older than ALERT_MAX_AGE: created {rfc3339(ticket.created_at)}"
    return None


def _reason(event: ChangeEvent) -> str:
    """Why the ticket is urgent, in words that a person on call can use."""
    matches = event.ticket.classification.matched[:_SHOWN_MATCHES]
    evidence = "; ".join(f"{m.rule}: “{m.text}”" if m.text else m.rule for m in matches)
    return f"{event.type} with urgency high" + (f" ({evidence})" if evidence else "")
