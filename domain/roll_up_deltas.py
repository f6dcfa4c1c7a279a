"""Deltas: by how much a batch of change events changes the sums over tickets."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias

from domain.events import ChangeEvent
from domain.keywords import words_of
from domain.roll_ups import (
    CustomerSums,
    LabelSums,
    Standing,
    shift_of,
    standing_of,
    standings,
)

Sign: TypeAlias = int  # 1: came, -1: went

_MOST_WORDS: Final = 60_000  # of one delta, about 1 MB
# Of a delta with an erasure, at least: until it is merged, behind lighter ones, deltas name what
# left the sums.
_ERASURE_WEIGHT: Final = 15_000


class ShiftChanges:
    """By how much tickets created in one shift change its sums.

    `words` has what came and what went as texts, ticket by ticket: to count words is for mergers.
    """

    __slots__ = ("customers", "labels", "words")

    def __init__(self) -> None:
        self.labels = LabelSums()
        self.customers = CustomerSums()
        self.words: dict[Sign, list[str]] = {}

    def count(self, ticket: Standing, sign: Sign) -> None:
        """A ticket came or went; its words are apart."""
        self.labels.add(ticket, sign)
        self.customers.count(ticket, sign)

    def add_words(self, words: list[str], sign: Sign) -> None:
        """A ticket with these words came or went."""
        if words:
            self.words.setdefault(sign, []).append(" ".join(words))


@dataclass
class Delta:
    """By how much a batch changes a tenant's sums on a partition, by the shift of creation.

    It is named after its first event, which applies once; `words` is how many there are to add up.
    """

    tenant_id: str
    partition: int
    name: str
    shifts: defaultdict[datetime, ShiftChanges] = field(
        default_factory=lambda: defaultdict(ShiftChanges)
    )
    words: int = 0
    erases: bool = False

    @property
    def weight(self) -> int:
        """By how much it presses to be merged: words to add up, more if it holds an erasure."""
        return max(self.words, _ERASURE_WEIGHT) if self.erases else self.words

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
            shift = self.shifts[shift_of(ticket.created_at)]
            shift.count(ticket, sign)
            if not same_words:
                words = words_of(ticket.subject, ticket.message)
                self.words += len(words)
                shift.add_words(words, sign)


class RollUpChanges:
    """What a batch of applied events changes, by tenant and partition."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], Delta] = {}
        self._full: list[Delta] = []

    def apply(
        self, event: ChangeEvent, partition: int, stored: Mapping[str, Any] | None = None
    ) -> None:
        """Add an event; each may be added once only, and only if it applies.

        Of an erasure `stored` is the document before it.
        """
        before, after = standings(event)
        if event.type == "erased":
            before = standing_of(stored)
        self._add(event, partition, before, after)

    def replace(
        self,
        event: ChangeEvent,
        partition: int,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
    ) -> None:
        """Add what an erasure that is parked makes of the document."""
        self._add(event, partition, standing_of(before), standing_of(after))

    def _add(
        self, event: ChangeEvent, partition: int, before: Standing | None, after: Standing | None
    ) -> None:
        # Of an erased ticket that counts nowhere, earlier deltas may hold the words all the same.
        erases = event.type == "erased"
        if before == after and not erases:
            return
        place = event.tenant_id, partition
        delta = self._open.get(place)
        if delta is None:
            name = f"{event.external_id}:{event.version}"
            delta = self._open[place] = Delta(*place, name)
        delta.move(before, after)
        delta.erases |= erases
        if delta.words > _MOST_WORDS:
            self._full.append(self._open.pop(place))

    def deltas(self) -> Iterator[Delta]:
        """The changes; large ones are in pieces, so that each fits into one document."""
        yield from self._full
        yield from self._open.values()
