"""Roll-ups: sums over live tickets from which the statistics are answered, however many there are.

A change event moves a ticket from one set of sums to another.  What the ticket was before follows
from the event alone: it names the old value of every field that counts.  Only an erasure does not:
what it takes out of the sums is in the document that it changes.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from domain.events import ChangeEvent

DONE: Final = frozenset({"resolved", "closed"})
QUARTER_MINUTES: Final = 15
SHIFT_HOURS: Final = 6


class Standing(NamedTuple):
    """What counts of a ticket while it is live."""

    created_at: datetime
    status: str
    urgency: str
    sentiment: str
    requires_action: bool
    customer_id: str | None
    subject: str
    message: str


class LabelSums:
    """Sums by label over tickets created in a shift (or in a longer time), or their changes.

    `counts` has the total and each label, `quarters` the total and high ones of each quarter.
    """

    __slots__ = ("counts", "quarters", "statuses")

    def __init__(self) -> None:
        self.counts: defaultdict[str, int] = defaultdict(int)
        self.statuses: defaultdict[str, int] = defaultdict(int)
        self.quarters: dict[datetime, list[int]] = {}

    def add(self, ticket: Standing, sign: int) -> None:
        """A ticket came (1) or went (-1)."""
        counts = self.counts
        counts["total"] += sign
        counts[ticket.urgency] += sign
        counts[ticket.sentiment] += sign
        if ticket.requires_action:
            counts["action"] += sign
        self.statuses[ticket.status] += sign
        quarter = quarter_of(ticket.created_at)
        self.add_quarter(quarter, sign, sign if ticket.urgency == "high" else 0)

    def add_quarter(self, quarter: datetime, count: int, high: int) -> None:
        """Tickets of a quarter of an hour came or went."""
        known = self.quarters.setdefault(quarter, [0, 0])
        known[0] += count
        known[1] += high

    def plus(self, other: "LabelSums") -> None:
        """Take in other sums, all but their quarters."""
        for name, count in other.counts.items():
            self.counts[name] += count
        for status, count in other.statuses.items():
            self.statuses[status] += count


class CustomerSums(dict[str, list[int]]):
    """The open tickets of each customer: high, negative, all."""

    def count(self, ticket: Standing, sign: int) -> None:
        """A ticket came (1) or went (-1)."""
        if ticket.customer_id is not None and ticket.status not in DONE:
            high = sign if ticket.urgency == "high" else 0
            negative = sign if ticket.sentiment == "negative" else 0
            self.add(ticket.customer_id, high, negative, sign)

    def add(self, customer_id: str, high: int, negative: int, total: int) -> None:
        """Open tickets of a customer came or went."""
        known = self.setdefault(customer_id, [0, 0, 0])
        known[0] += high
        known[1] += negative
        known[2] += total


class NameSums:
    """Sums by name over tickets created in a shift (or in a longer time), or their changes.

    `words` counts the tickets that hold each.
    """

    __slots__ = ("customers", "words")

    def __init__(self) -> None:
        self.words: Counter[str] = Counter()
        self.customers = CustomerSums()

    def plus(self, other: "NameSums") -> None:
        """Take in other sums."""
        self.words.update(other.words)
        for customer_id, (high, negative, total) in other.customers.items():
            self.customers.add(customer_id, high, negative, total)


class Sums(NamedTuple):
    """Both kinds of sums over the same tickets."""

    labels: LabelSums
    names: NameSums

    @classmethod
    def empty(cls) -> "Sums":
        """Over no tickets."""
        return cls(LabelSums(), NameSums())

    def plus(self, other: "Sums") -> None:
        """Take in other sums, all but their quarters."""
        self.labels.plus(other.labels)
        self.names.plus(other.names)


def quarter_of(moment: datetime) -> datetime:
    """The begin of the quarter of an hour that `moment` is in."""
    minute = moment.minute // QUARTER_MINUTES * QUARTER_MINUTES
    return moment.replace(minute=minute, second=0, microsecond=0)


def shift_of(moment: datetime) -> datetime:
    """The begin of the six hours that `moment` is in: the finest of sums but for quarters."""
    hour = moment.hour // SHIFT_HOURS * SHIFT_HOURS
    return moment.replace(hour=hour, minute=0, second=0, microsecond=0)


def standing_of(document: Mapping[str, Any] | None) -> Standing | None:
    """What counts of the ticket that a document of `tickets` holds; None if it is not live."""
    if document is None or document["deleted_at"] is not None:
        return None
    return Standing(**{name: document[name] for name in Standing._fields})


def standings(event: ChangeEvent) -> tuple[Standing | None, Standing | None]:
    """What counts of the ticket before and after; None where it is not there, or deleted."""
    ticket = event.ticket
    after = Standing(
        ticket.created_at, ticket.status, ticket.urgency, ticket.sentiment,
        ticket.requires_action, ticket.customer_id, ticket.subject, ticket.message,
    )  # fmt: skip
    now = after if ticket.deleted_at is None else None
    if event.type == "created":
        return None, now
    old: dict[str, Any] = {change.field: change.old for change in event.changes}
    if old.pop("deleted_at", ticket.deleted_at) is not None:
        return None, now
    if "created_at" in old:
        old["created_at"] = datetime.fromisoformat(old["created_at"])
    return after._replace(**{n: v for n, v in old.items() if n in Standing._fields}), now
