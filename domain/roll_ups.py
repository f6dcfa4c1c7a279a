"""Roll-ups: sums over live tickets from which the statistics are answered, however many there are.

A change event moves a ticket from one set of sums to another.  What the ticket was before follows
from the event alone: it names the old value of every field that counts.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from domain.events import ChangeEvent
from domain.keywords import words_of

DONE: Final = frozenset({"resolved", "closed"})
QUARTER_MINUTES: Final = 15
_MOST_WORDS: Final = 60_000  # of one delta, about 1 MB


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
    """Sums by label over tickets created in an hour (or in a longer time), or their changes.

    `counts` has the total and each label, `quarters` the total and high ones of each quarter.
    """

    __slots__ = ("counts", "quarters", "statuses")

    def __init__(self) -> None:
        self.counts: defaultdict[str, int] = defaultdict(int)
        self.statuses: defaultdict[str, int] = defaultdict(int)
        self.quarters: dict[datetime, list[int]] = {}

    def add(self, ticket: Standing, hour: datetime, sign: int) -> None:
        """A ticket came (1) or went (-1)."""
        counts = self.counts
        counts["total"] += sign
        counts[ticket.urgency] += sign
        counts[ticket.sentiment] += sign
        if ticket.requires_action:
            counts["action"] += sign
        self.statuses[ticket.status] += sign
        minute = ticket.created_at.minute // QUARTER_MINUTES * QUARTER_MINUTES
        quarter = hour.replace(minute=minute) if minute else hour
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


class NameSums:
    """Sums by name over tickets created in an hour (or in a longer time), or their changes.

    `words` counts the tickets that hold each, `customers` their open tickets: high, negative, all.
    """

    __slots__ = ("customers", "words")

    def __init__(self) -> None:
        self.words: Counter[str] = Counter()
        self.customers: dict[str, list[int]] = {}

    def add(self, ticket: Standing, sign: int) -> None:
        """A ticket came (1) or went (-1); its words are counted apart."""
        if ticket.customer_id is not None and ticket.status not in DONE:
            high = sign if ticket.urgency == "high" else 0
            negative = sign if ticket.sentiment == "negative" else 0
            self.add_customer(ticket.customer_id, high, negative, sign)

    def add_words(self, words: set[str], sign: int) -> None:
        """A ticket with these words came (1) or went (-1)."""
        if sign > 0:
            self.words.update(words)
        else:
            self.words.subtract(words)

    def add_customer(self, customer_id: str, high: int, negative: int, total: int) -> None:
        """Open tickets of a customer came or went."""
        known = self.customers.setdefault(customer_id, [0, 0, 0])
        known[0] += high
        known[1] += negative
        known[2] += total

    def plus(self, other: "NameSums") -> None:
        """Take in other sums."""
        self.words.update(other.words)
        for customer_id, (high, negative, total) in other.customers.items():
            self.add_customer(customer_id, high, negative, total)


def hour_of(moment: datetime) -> datetime:
    """The begin of the hour that `moment` is in."""
    return moment.replace(minute=0, second=0, microsecond=0)


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


@dataclass
class Delta:
    """By how much a batch changes a tenant's sums on a partition, by the hour of creation.

    It is named after its first event, which applies once; `words` is how many there are to add up.
    """

    tenant_id: str
    partition: int
    name: str
    labels: defaultdict[datetime, LabelSums] = field(default_factory=lambda: defaultdict(LabelSums))
    names: defaultdict[datetime, NameSums] = field(default_factory=lambda: defaultdict(NameSums))
    words: int = 0

    def move(self, before: Standing | None, after: Standing | None) -> None:
        """A ticket was `before` and is `after`; None: it was not there, or no longer is."""
        same_words = (
            before is not None
            and after is not None
            and before.subject == after.subject
            and before.message == after.message
            and before.created_at == after.created_at
        )
        for ticket, sign in ((before, -1), (after, 1)):
            if ticket is None:
                continue
            hour = hour_of(ticket.created_at)
            self.labels[hour].add(ticket, hour, sign)
            names = self.names[hour]
            names.add(ticket, sign)
            if not same_words:
                words = words_of(ticket.subject, ticket.message)
                self.words += len(words)
                names.add_words(words, sign)


class RollUpChanges:
    """What a batch of applied events changes, by tenant and partition."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], Delta] = {}
        self._full: list[Delta] = []

    def apply(self, event: ChangeEvent, partition: int) -> None:
        """Add an event; each may be added once only, and only if it applies."""
        before, after = standings(event)
        if before == after:
            return
        place = event.tenant_id, partition
        delta = self._open.get(place)
        if delta is None:
            name = f"{event.external_id}:{event.version}"
            delta = self._open[place] = Delta(*place, name)
        delta.move(before, after)
        if delta.words > _MOST_WORDS:
            self._full.append(self._open.pop(place))

    def deltas(self) -> Iterator[Delta]:
        """The changes; large ones are in pieces, so that each fits into one document."""
        yield from self._full
        yield from self._open.values()
